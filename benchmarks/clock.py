"""python benchmarks/clock.py COMMAND...: run it, and print as JSON what it took: wall_s, cpu_s, peak_mb, code, said.

A process of its own, of Python alone, because a process begins with the peak memory of the one that has started it.
"""

import json
import os
import subprocess
import sys
import tempfile
import time


def main(command):
    with tempfile.TemporaryFile() as said:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        print(json.dumps({"wall_s": wall, "cpu_s": used.ru_utime + used.ru_stime,
                          "peak_mb": used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6,
                          "code": process.returncode, "said": said.read().decode(errors="replace")}))


if __name__ == "__main__":
    main(sys.argv[1:])
