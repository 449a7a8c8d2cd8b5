"""python -m minicap.demo: try out captioners in the browser, with photographs and with scenes drawn by clicking."""

import importlib.util
from dataclasses import dataclass

from ..captioning.checkpoint import checkpoint_folders
from ..captioning.ensemble import Ensemble
from ..cli import option, parse_settings, run_program
from ..errors import UserError, warn
from .page import appearance, build
from .photographs import Photographs
from .scenes import Scenes
from .server import HERE, listen, serve

PHOTOGRAPHS, DRAWN = "flickr8k", "shapes"  # captioners of the package
ABOUT = ("This captioner has learned from 6,000 photographs, mostly of people and dogs outdoors (Flickr8k), and "
         "describes everything else as if it were one of them.")


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    checkpoint: str = option(PHOTOGRAPHS, "folder written by minicap.train, or the name of a captioner of the package: "
                             "flickr8k, for photographs, or shapes; DIR,DIR,... for an ensemble. One that captions "
                             "drawn scenes is tried out on these, any other on photographs", metavar="DIR")
    weights: str | None = option(None, "the weights of the network that were used in training; FILE,FILE for two "
                                 "networks (default: MINICAP_WEIGHTS, downloaded or installed weights)", metavar="FILE")
    host: str = option("127.0.0.1", "address at which the page is served; 0.0.0.0 lets other computers open it, and "
                       "upload photographs to this one", metavar="ADDRESS")
    port: int = option(7860, "port of the page; 0 takes a free one", metavar="N", least=0, below=65_536)
    max_upload: int = option(32, "the largest file that may be uploaded, in MB", metavar="MB", least=1, below=1_000)
    device: str = option("auto", "auto, cpu, cuda or cuda:N")


def main(argv=None):
    settings = parse_settings(DemoSettings, "demo", "Try out captioners in the browser.", argv)
    if importlib.util.find_spec("gradio") is None:
        raise UserError("the demo needs the package gradio: `pip install 'minicap[demo]'`")
    listening = listen(settings.host, settings.port)
    photographs, scenes = captioners(settings)
    host, port = listening.getsockname()[:2]
    if host not in HERE:
        warn(f"everybody who can reach port {port} of this computer can open the page, and upload photographs")
    name = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, f"[{host}]" if ":" in host else host)
    serve(listening, lambda: (build(photographs, scenes), appearance()), settings.max_upload,
          lambda: print(f"The demo is at http://{name}:{port} in your browser; Ctrl-C ends it.", flush=True))


def captioners(settings):
    """The :class:`.Photographs`, or a sentence that tells why there are none, and the :class:`.Scenes`."""
    folders, of_package = checkpoint_folders(settings.checkpoint), checkpoint_folders(PHOTOGRAPHS)
    named = Ensemble.load(folders, weights=settings.weights, device=settings.device)
    for member in named.members:
        member.expect_network()
    if named.members[0].source is None:
        return _if_possible(settings, of_package), Scenes(named)
    scenes = Scenes(Ensemble.load(checkpoint_folders(DRAWN), device=settings.device))
    if folders == of_package and settings.weights is None:
        return _if_possible(settings, folders), scenes
    return Photographs(named, ABOUT if folders == of_package else ""), scenes


def _if_possible(settings, folders):
    """The package's captioner of photographs, or a sentence: its weights are an extra, and nobody asked for it."""
    try:
        return Photographs(Ensemble.load(folders, device=settings.device), ABOUT)
    except UserError as error:
        warn(f"only drawn scenes can be captioned: {error}")
        return f"Photographs cannot be captioned yet: {error}; then start the demo again"


if __name__ == "__main__":
    run_program(main)
