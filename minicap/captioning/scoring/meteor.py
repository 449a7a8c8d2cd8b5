"""METEOR.  Denkowski and Lavie, "Meteor universal", WMT 2014: the only metric that is not implemented here.

It aligns words by stem, synonym and paraphrase, for which it needs tables of 60 MB; pycocoevalcap includes these and
the authors' Java program.
"""

import contextlib
import shutil

from ...errors import UserError


def meteor(candidates, references):
    """(METEOR of the set, the list of its values for each image); arguments as for :func:`cider.cider`."""
    try:
        from pycocoevalcap.meteor.meteor import Meteor
    except ImportError as error:
        raise UserError("METEOR needs the package pycocoevalcap; install it with `python -m pip install "
                        "'minicap[eval]'`, or leave out meteor=") from error
    if shutil.which("java") is None:
        raise UserError("METEOR needs Java, and there is no program `java` on the PATH; install a Java runtime (8 or "
                        "newer), or leave out meteor=")
    targets = {i: [" ".join(words) for words in captions] for i, captions in enumerate(references)}
    scorer = Meteor()
    try:
        return scorer.compute_score(targets, {i: [" ".join(words)] for i, words in enumerate(candidates)})
    except (OSError, ValueError) as error:  # a pipe to a process that has died, or no number where one was expected
        raise UserError("METEOR's Java program stopped; check that `java -version` works and that 2 GB of memory are "
                        "free, or leave out meteor=") from error
    finally:
        _close(scorer)


def _close(scorer):
    """End the Java process. The scorer's own destructor leaves two pipes open, and after a failed call it deadlocks."""
    if scorer.lock.locked():
        scorer.lock.release()
    scorer.meteor_p.kill()
    scorer.meteor_p.wait()
    for pipe in (scorer.meteor_p.stdin, scorer.meteor_p.stdout, scorer.meteor_p.stderr):
        with contextlib.suppress(OSError):
            pipe.close()
