"""python to_gradescope.py GRADED RESULTS: what minicap.learn grade --json prints, as Gradescope reads it."""

import json
import sys
from pathlib import Path


def results(graded):
    """Gradescope's results: a test for each exercise, worth a point."""
    (student,) = graded
    return {"output": student["remark"], "tests": [
        {"name": f"exercise {number}", "score": int(exercise["right"]), "max_score": 1,
         "output": exercise["error"] or "right"} for number, exercise in student["exercises"].items()]}


if __name__ == "__main__":
    graded, out = map(Path, sys.argv[1:])
    out.write_text(json.dumps(results(json.loads(graded.read_text(encoding="utf-8")))), encoding="utf-8")
