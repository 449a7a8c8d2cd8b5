#!/usr/bin/env bash
# Gradescope runs this once, when it builds the machine. The wheel (`python -m build --wheel`) lies in the same zip file.
set -e
apt-get update && apt-get install -y python3 python3-venv
python3 -m venv /autograder/venv
/autograder/venv/bin/python -m pip install /autograder/source/minicap-*.whl
