import shutil
import subprocess
import sys
import threading
import types

import pytest

from minicap.captioning.scoring.meteor import meteor
from minicap.errors import UserError

CANDIDATES = [["a", "dog", "runs"], [], ["a", "red", "ball"]]
REFERENCES = [[["a", "dog", "runs"], ["a", "cat"]], [["the", "sea"]], [["two", "men", "sit"]]]


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocoevalcap.meteor.meteor", None)  # what an import of it finds
    with pytest.raises(UserError, match=r"needs the package pycocoevalcap.*pip install"):
        meteor(CANDIDATES, REFERENCES)


def stand_in_package(monkeypatch, scorer=None):
    module = types.ModuleType("pycocoevalcap.meteor.meteor")
    module.Meteor = scorer
    for name in ("pycocoevalcap", "pycocoevalcap.meteor", "pycocoevalcap.meteor.meteor"):
        monkeypatch.setitem(sys.modules, name, module)


def test_without_java_one_sentence_says_so(monkeypatch, tmp_path):
    stand_in_package(monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="needs Java"):
        meteor(CANDIDATES, REFERENCES)


@pytest.mark.parametrize("failure", [BrokenPipeError(), ValueError("could not convert string to float: b''")])
def test_a_scorer_that_fails_is_one_sentence_and_leaves_no_lock_process_or_pipe(monkeypatch, failure):
    class Scorer:
        def __init__(self):
            self.lock, pipes = threading.Lock(), dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
            self.meteor_p = subprocess.Popen([sys.executable, "-c", "input()"], **pipes)
            scorers.append(self)

        def compute_score(self, references, candidates):
            self.lock.acquire()
            raise failure

    scorers = []
    stand_in_package(monkeypatch, Scorer)
    monkeypatch.setattr(shutil, "which", lambda program: program)
    with pytest.raises(UserError, match="Java program stopped"):
        meteor(CANDIDATES, REFERENCES)
    process = scorers[0].meteor_p
    assert not scorers[0].lock.locked() and process.poll() is not None
    assert process.stdin.closed and process.stdout.closed and process.stderr.closed


@pytest.mark.peers
def test_a_java_that_does_not_run_is_one_sentence_and_no_hang(monkeypatch, tmp_path):
    pytest.importorskip("pycocoevalcap.meteor.meteor")
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\nexit 1\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(UserError, match="Java program stopped"):
        meteor(CANDIDATES, REFERENCES)


@pytest.mark.peers
@pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java")
def test_meteor_of_a_right_an_empty_and_a_wrong_caption():
    pytest.importorskip("pycocoevalcap.meteor.meteor")
    score, (right, empty, wrong) = meteor(CANDIDATES, REFERENCES)
    assert right == pytest.approx(1) and empty == 0 and wrong < 0.2
    assert 0 < score < 1
