"""Freed memory stays with the process."""

import os
import subprocess
import sys

import pytest

# New pages that ten arrays of 8 MB cost, made and freed one after another, once one of them has been there.
PAGES = """
import resource
import minicap.cpu
import numpy as np

np.ones(1 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    a, b = np.ones(1 << 20), np.ones(1 << 20)
    del a, b
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def new_pages(**environment):
    out = subprocess.run([sys.executable, "-c", PAGES], env=os.environ | environment, capture_output=True, text=True,
                         check=True)
    return int(out.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc")
def test_arrays_of_the_same_size_get_the_pages_of_those_before():
    once = 3 * (8 << 20) // 4096
    assert new_pages(MINICAP_MALLOC="1") < once


@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc")
def test_the_environment_can_leave_malloc_alone():
    assert new_pages(MINICAP_MALLOC="0") > 2 * new_pages(MINICAP_MALLOC="1")
