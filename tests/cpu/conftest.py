import pytest

from minicap import backend


@pytest.fixture(params=["compiled", "numpy"], scope="module")
def loops(request):
    """Both kinds of inner loops, one after the other."""
    if request.param == "compiled" and not backend.compiles():
        pytest.skip("needs numba (the extra `fast`), and MINICAP_NUMBA not 0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "without_numba", request.param == "numpy")
        yield
