"""minicap and PyTorch at the same work, side by side: ``python -m benchmarks`` (needs the extra `peers`).

    row.py        what a row is: sizes, seeded data, the work on either side
    rows/         the rows, by subject; ``rows/__init__.py`` lists them in the order of the table
    compare.py    results compared, then both sides timed in turns
    worker.py     one side in a process of its own: threads, clock, memory (memory.py)
    pytorch.py    PyTorch's settings and layouts; its models in pytorch_models.py, its search in pytorch_search.py
    engines.py    ONNX Runtime and OpenVINO, further peers of inference (inference_row.py)
    ladder.py     one convolution from plain loops to Winograd (``--ladder``)
    parity.py     does training on a GPU go as on the CPU? (python -m benchmarks.parity)
    launches.py   a training step on a GPU, kernel by kernel (python -m benchmarks.launches)
    bounds.py     what bounds the extraction of features (python -m benchmarks.bounds)
    cold.py       programs for one photograph, from their start to their end (``--cold``), timed by clock.py
    scaling.py    how cost grows with batch, threads, image side and vocabulary (``--scaling``)

PyTorch is imported in the peer's process alone, and its profiler by launches.py.
"""

import minicap  # noqa: F401  before NumPy: see minicap/__init__.py
