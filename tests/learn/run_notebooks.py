"""Run notebooks one after the other, each in a process and an empty folder of its own, as Jupyter would.

    python run_notebooks.py OUT NOTEBOOK...     [{"source", "output", "error"} of each code cell] to OUT/<its name>.json

What all of them import is imported once, before the processes branch off: a kernel takes two seconds to start.
"""

import io
import json
import os
import sys
import tempfile
import traceback
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import minicap.learn.notebook


def run(notebook, out):
    config = Config({"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}})
    shell = InteractiveShell.instance(config=config)  # which makes __main__ the module that the cells run in
    ran = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            source, printed = "".join(cell["source"]), io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
            with redirect_stdout(printed), redirect_stderr(printed):
                result = shell.run_cell(source)
            error = result.error_before_exec or result.error_in_exec
            printed.seek(0)
            ran.append({"source": source, "output": printed.read(), "error": error and repr(error)})
    found = {"cells": ran, "left behind": sorted(os.listdir()), "minicap": minicap.__file__}
    out.write_text(json.dumps(found), encoding="utf-8")


def main():
    out, *notebooks = (Path(name).resolve() for name in sys.argv[1:])
    for notebook in notebooks:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                with tempfile.TemporaryDirectory() as folder:
                    os.chdir(folder)
                    run(notebook, out / f"{notebook.stem}.json")
                    os.chdir(out)
                status = 0
            except BaseException:
                traceback.print_exc()
            os._exit(status)
        if os.waitpid(child, 0)[1]:
            sys.exit(f"{notebook} could not be run")


if __name__ == "__main__":
    main()
