"""The captions of the built-in test scenes, as minicap.score reads them: python references.py OUT.json"""

import sys

from minicap.captioning.data.shapes import ShapesDataset
from minicap.cli import run_program
from minicap.errors import UserError
from minicap.files import write_json


def main(arguments):
    if len(arguments) != 1:
        raise UserError("name the file to write, such as runs/references.json")
    data = ShapesDataset()
    write_json(arguments[0], {name: list(data.captions[name]) for name in data.splits["test"]})


if __name__ == "__main__":
    run_program(main, sys.argv[1:])
