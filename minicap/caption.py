"""python -m minicap.caption: say what is in a photograph."""

import json
import sys
from dataclasses import MISSING, dataclass

import numpy as np

from .captioning.checkpoint import checkpoint_folders
from .captioning.ensemble import Ensemble
from .captioning.plots import save_attention
from .captioning.search import check_options
from .cli import option, parse_settings, run_program
from .errors import UserError
from .images import read_image


@dataclass(frozen=True)
class CaptionSettings:
    images: tuple[str, ...] = option(MISSING, "picture files", positional=True, metavar="IMAGE")
    checkpoint: str = option(MISSING, "folder that minicap.train has written; several, for the mean of their "
                             "probabilities, as DIR,DIR", metavar="DIR")
    weights: str | None = option(None, "the VGG weights it was trained with (or MINICAP_WEIGHTS)", metavar="FILE")
    beam: int = option(3, "width of the beam search; 1 is greedy", metavar="N")
    length_penalty: float = option(0.7, "0 favours short captions, 1 long ones", metavar="X")
    no_repeat: int = option(0, "never say so many words in a row twice in a caption; 0 allows it", metavar="N")
    max_length: int = option(30, "most words of a caption", metavar="N")
    temperature: float | None = option(None, "draw the words at random instead: 1 from the model's probabilities, less "
                                       "is bolder on probable words, 0 is greedy", metavar="X")
    seed: int = option(0, "of --temperature", metavar="N")
    attention: str | None = option(None, "picture to write: where the model looked for each word", metavar="PNG")
    device: str = option("auto", "auto, cpu, cuda or cuda:N")
    json: bool = option(False, "one JSON object a line, with all beams")


def main(argv=None):
    settings = parse_settings(CaptionSettings, "caption", "Say what is in photographs.", argv)
    check_options(settings.beam, settings.max_length, settings.length_penalty, settings.temperature, settings.seed,
                  settings.no_repeat)
    captioner = Ensemble.load(checkpoint_folders(settings.checkpoint), weights=settings.weights, device=settings.device)
    if settings.attention is not None:
        if len(settings.images) > 1:
            raise UserError("--attention draws one picture; name one image")
        captioner.check_attention()
    rng = np.random.default_rng(settings.seed)
    failed = 0
    for path in settings.images:
        try:
            picture = read_image(path, at_least=224)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            failed += 1
            continue
        beams = captioner.captions([picture], beam=settings.beam, max_length=settings.max_length,
                                   length_penalty=settings.length_penalty, no_repeat=settings.no_repeat,
                                   temperature=settings.temperature, rng=rng)[0]
        if settings.attention is not None:
            save_attention(settings.attention, picture, beams[0][0].split(),
                           *captioner.looked_at(picture, beams[0][0]))
        if settings.json:
            print(json.dumps({"image": path, "caption": beams[0][0],
                              "beams": [{"caption": text, "logp": round(logp, 4)} for text, logp in beams]},
                             ensure_ascii=False), flush=True)
        else:
            print(f"{path}: {beams[0][0]}", flush=True)
    return 2 if failed else 0


if __name__ == "__main__":
    run_program(main)
