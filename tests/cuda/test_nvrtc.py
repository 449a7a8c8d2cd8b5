"""Every .cu file compiles without a warning by NVRTC, CUDA's own compiler, which needs no GPU (extra `nvrtc`).

CuPy compiles the same way on the user's machine. What comes out is read too: the parameters of each kernel, in its PTX,
have to be those that minicap/cuda/kernels.py reads in its declaration.
"""

import ast
import ctypes
import re
from importlib import metadata

import pytest

from minicap.cuda import kernels

FINAL = sorted(path.stem for path in kernels.FOLDER.glob("*.cu"))
SOURCES = FINAL + [f"naive/{name}" for name in FINAL]
WANTED = (75, 80, 86, 89, 90, 100, 120)  # Turing to Blackwell: those that the installed NVRTC knows
STANDARDS = ("c++14", "c++17")  # CuPy 13 and 14 ask for the first, newer ones may for the second
PTX_TYPES = {"float": ".f32", "int": ".u32", "long long": ".u64"}


class Nvrtc:
    """The part of NVRTC that a test needs, by ctypes (docs.nvidia.com/cuda/nvrtc)."""

    def __init__(self, path):
        self.library = ctypes.CDLL(str(path))
        major, minor = ctypes.c_int(), ctypes.c_int()
        self("Version", ctypes.byref(major), ctypes.byref(minor))
        self.version = f"{major.value}.{minor.value}"
        count = ctypes.c_int()
        self("GetNumSupportedArchs", ctypes.byref(count))
        archs = (ctypes.c_int * count.value)()
        self("GetSupportedArchs", archs)
        self.architectures = list(archs)

    def __call__(self, name, *arguments):
        """Call nvrtcNAME; RuntimeError unless it succeeds."""
        code = getattr(self.library, f"nvrtc{name}")(*arguments)
        if code:
            raise RuntimeError(f"nvrtc{name} failed with code {code}")

    def compile(self, source, *options):
        """(log, PTX, size of the machine code or 0 for a virtual architecture). AssertionError if there are errors."""
        program = ctypes.c_void_p()
        self("CreateProgram", ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None)
        try:
            encoded = [option.encode() for option in options]
            code = self.library.nvrtcCompileProgram(program, len(encoded), (ctypes.c_char_p * len(encoded))(*encoded))
            log = self._text(program, "ProgramLog")
            assert code == 0, log
            cubin = ctypes.c_size_t()
            self("GetCUBINSize", program, ctypes.byref(cubin))
            return log, self._text(program, "PTX"), cubin.value
        finally:
            self("DestroyProgram", ctypes.byref(program))

    def _text(self, program, what):
        size = ctypes.c_size_t()
        self(f"Get{what}Size", program, ctypes.byref(size))
        text = ctypes.create_string_buffer(size.value)
        self(f"Get{what}", program, text)
        return text.value.decode().strip()


@pytest.fixture(scope="module")
def nvrtc():
    for name in ("nvidia-cuda-nvrtc", "nvidia-cuda-nvrtc-cu12"):
        try:
            files = metadata.files(name)
        except metadata.PackageNotFoundError:
            continue
        for file in files:
            if re.fullmatch(r"libnvrtc\.so\.\d+|nvrtc64_\d+_\d+\.dll", file.name):
                return Nvrtc(file.locate())
    pytest.skip("NVRTC is not installed; install the extra `nvrtc`: pip install -e '.[nvrtc]'")


def code_of(source):
    return (kernels.FOLDER / f"{source}.cu").read_text(encoding="utf-8")


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("source", SOURCES)
def test_every_source_compiles_without_a_warning_for_every_architecture(nvrtc, source, standard):
    chosen = [a for a in WANTED if a in nvrtc.architectures]
    assert len(chosen) >= 3
    for architecture in chosen if standard == STANDARDS[0] else chosen[:1]:
        log, _, size = nvrtc.compile(code_of(source), f"-arch=sm_{architecture}", f"-std={standard}")
        assert log == "" and size > 0, f"sm_{architecture}, NVRTC {nvrtc.version}: {log}"


@pytest.mark.parametrize("source", SOURCES)
def test_the_compiled_kernels_take_what_their_declarations_are_read_to_say(nvrtc, source):
    _, ptx, _ = nvrtc.compile(code_of(source), f"-arch=compute_{nvrtc.architectures[0]}")
    compiled = {name: re.findall(r"\.param (\.\w+)", parameters)
                for name, parameters in re.findall(r"\.visible \.entry (\w+)\(([^)]*)\)", ptx)}
    declared = {name: [".u64" if p.pointer else PTX_TYPES[p.ctype] for p in parameters]
                for name, (_, parameters) in kernels.declarations(source).items()}
    assert compiled == declared


def test_a_mistake_in_a_source_is_seen(nvrtc):
    with pytest.raises(AssertionError, match='identifier "y" is undefined'):
        nvrtc.compile('extern "C" __global__ void f(float* x) { *x = y; }', "-arch=sm_80")
    assert "never referenced" in nvrtc.compile("__global__ void f() { int unused; }", "-arch=sm_80")[0]


def test_every_kernel_is_launched_by_a_twin_and_every_launch_names_a_kernel():
    known = {source: set(kernels.declarations(source)) for source in FINAL}
    named, launched = set(), set()
    for path in kernels.FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant):
                named.add(node.value)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "launch":
                source, name = node.args[:2]
                launched.add(source.value)
                assert not isinstance(name, ast.Constant) or name.value in known[source.value]
    assert launched == set(FINAL) and set().union(*known.values()) <= named
