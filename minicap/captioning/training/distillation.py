"""Learning from other captioners: for every word not only which one people wrote, but how probable others would be.

Hinton, Vinyals and Dean 2015 ("Distilling the knowledge in a neural network"): a part of the target's place is taken by
the probabilities of a teacher, here the mean of several (losses.py has the formula). They tell what else could have
been said, which one caption does not. If teachers have learned from the same captions and have the same size, a student
may still become better than they are (Furlanello et al. 2018, "Born-again neural networks").
"""

from ...errors import UserError
from ..captioner import Captioner


class Teachers:
    """The mean of the probabilities of some ``captioners``, which counts ``share`` of the whole, from 0 to 1."""

    def __init__(self, captioners, share):
        self.models, self.share = [captioner.model for captioner in captioners], share

    @classmethod
    def load(cls, paths, share, student):
        """The teachers in ``paths``, "DIR,DIR,...", for a captioner; None without any.

        Raises UserError for one that does not know the same words, reads other features or is another kind of model.
        """
        if paths is None:
            return None
        teachers = [Captioner.load(path, device=str(student.device)) for path in paths.split(",")]
        for path, teacher in zip(paths.split(","), teachers, strict=True):
            same = {"words": teacher.vocabulary.digest == student.vocabulary.digest,
                    "features": teacher.source == student.source,
                    "model=": teacher.settings.kind == student.settings.kind}
            if other := [what for what in same if not same[what]]:
                raise UserError(f"teachers= {path} has other {other[0]} than this run; name runs on the same data and "
                                "features")
        return cls(teachers, share)

    def soft_targets(self, images, image_of, words, targets, lengths):
        """(probabilities (M, V), share): ``soft`` of the model's forward for the same inputs."""
        found = [model.probabilities(images, image_of, words, lengths) for model in self.models]
        return sum(found) / len(found), self.share
