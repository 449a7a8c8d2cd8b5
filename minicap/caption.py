"""python -m minicap.caption: describe photographs."""

import json
import math
import sys
from dataclasses import MISSING, dataclass

from .backend import few_pictures
from .captioning.checkpoint import checkpoint_folders
from .captioning.ensemble import Ensemble, with_mirror
from .captioning.reporting.plots import is_plot, save_attention
from .captioning.run_data import (
    CheckpointSettings,
    feature_files,
    make_consensus,
    trained_dataset,
    training_settings,
)
from .cli import option, parse_settings, run_program
from .errors import UserError, error_line
from .locks import locked
from .terminal import shown


@dataclass(frozen=True, kw_only=True)
class CaptionSettings(CheckpointSettings):
    checkpoint: str = option("flickr8k", "folder written by minicap.train, or the name of a captioner of the package: "
                             "flickr8k, for photographs, or shapes; DIR,DIR,... for an ensemble, which averages the "
                             "probabilities of its members", metavar="DIR")
    images: tuple[str, ...] = option(MISSING, "picture files", positional=True, metavar="IMAGE")
    weights: str | None = option(None, "the weights of the network that were used in training; FILE,FILE for two "
                                 "networks (default: MINICAP_WEIGHTS, downloaded or installed weights)", metavar="FILE")
    data_dir: str | None = option(None, "--mbr-samples, --neighbours: folder of the training data (default: as in "
                                  "training, or MINICAP_DATA)", metavar="DIR")
    features: str | None = option(None, "--neighbours: features of the training images (default: those of the training "
                                  "run); for several checkpoints one file for all, or FILE,FILE,...", metavar="FILE")
    mirror: bool = option(False, "average the probabilities over the picture and its mirror image, which takes twice "
                          "the time")
    attention: str | None = option(None, "write a picture of the attention for each word", metavar="PNG",
                                   writes=is_plot)
    device: str = option("auto", "auto, cpu, cuda or cuda:N")
    json: bool = option(False, "print one JSON object per line, with all captions of the beam")


def main(argv=None):
    settings = parse_settings(CaptionSettings, "caption", "Describe photographs.", argv)
    many = settings.mbr_samples or settings.neighbours  # captions, to choose from
    with locked(settings.attention), few_pictures(math.inf if many else len(settings.images)):
        return caption(settings)


def caption(settings):
    """Caption the photographs; returns the exit code."""
    folders = checkpoint_folders(settings.checkpoint)
    captioner = Ensemble.load(folders, weights=settings.weights, preprocessing=settings.preprocessing,
                              device=settings.device)
    if settings.attention is not None:
        if len(settings.images) > 1:
            raise UserError("--attention is for a single picture; name one image")
        captioner.expect_attention()
    settings = settings.resolved(captioner.decoding)
    views = with_mirror(captioner) if settings.mirror else captioner
    search = settings.search()
    if settings.mbr_samples or settings.neighbours:
        runs = [training_settings(folder, data_dir=settings.data_dir) for folder in folders]
        search["consensus"] = make_consensus(settings, captioner,
                                             trained_dataset(runs[0], settings.data_dir, pictures=False),
                                             feature_files(settings.features, runs))
    failed = 0
    for path in settings.images:
        try:
            picture = captioner.read(path)
        except UserError as error:
            print(error_line(error), file=sys.stderr)
            failed += 1
            continue
        beams = views.captions([picture], **search)[0]
        if settings.attention is not None:
            save_attention(settings.attention, picture, captioner.vocabulary.tokenize(beams[0][0]),
                           *captioner.attention_maps(picture, beams[0][0]))
        if settings.json:
            print(json.dumps({"image": path, "caption": beams[0][0],
                              "beams": [{"caption": text, "logp": round(logp, 4)} for text, logp in beams]},
                             ensure_ascii=False), flush=True)
        else:
            print(shown(f"{path}: {beams[0][0]}", None), flush=True)
    return 2 if failed else 0


if __name__ == "__main__":
    run_program(main)
