"""Our side of every row of the benchmark computes on a GPU what it computes on the CPU."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from benchmarks.compare import check
from benchmarks.row import Place, as_numpy
from benchmarks.rows import CUDA_ROWS, ROWS
from minicap.backend import Device


@dataclass(frozen=True)
class There(Place):
    """A place with a device that may be emulated."""

    where: ClassVar[Device]

    def minicap(self):
        return self.where


@pytest.mark.parametrize("row", [row.reduced() for row in CUDA_ROWS], ids=lambda row: row.name)
def test_our_side_of_a_row_computes_the_same_on_a_gpu(cuda, row, tmp_path, monkeypatch):
    monkeypatch.setenv("MINICAP_TF32", str(int(row.tf32)))
    monkeypatch.setattr(There, "where", cuda, raising=False)
    row.prepare(tmp_path)
    ours = [row.ours(row.data(), place(device, 1, tmp_path)).results()
            for place, device in ((There, "cuda"), (Place, "cpu"))]
    check(row, *({name: as_numpy(x) for name, x in results.items()} for results in ours))


def test_tf32_rows_stand_beside_the_others_without_a_target():
    extra = [row for row in CUDA_ROWS if row.tf32]
    assert len(extra) == len(CUDA_ROWS) - sum(not row.cpu_only for row in ROWS) > 0
    assert all(row.name.endswith("_tf32") and row.cuda_target is None for row in extra)
