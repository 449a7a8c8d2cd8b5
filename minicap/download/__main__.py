"""Download Flickr8k, or VGG's ImageNet weights: resume interrupted downloads, verify, unpack.

    python -m minicap.download flickr8k                     OUT/Flickr8k/Flicker8k_Dataset/*.jpg and OUT/Flickr8k/*.txt
    python -m minicap.download flickr8k --text-only         only the captions and the split lists (2 MB)
    python -m minicap.download vgg19 [--notop]              OUT/vgg19_weights_tf_dim_ordering_tf_kernels[_notop].h5
    python -m minicap.download vgg19 --format torch         OUT/vgg19-dcbb9e9d.pth

OUT is ``--out``, or else the environment variable MINICAP_DATA, or else ``~/.cache/minicap``. Files that are already
there and pass verification are not downloaded again, even if they were put there by hand. The path of the result is
printed on stdout. Proxies are those of the environment (https_proxy, no_proxy).
"""

import sys
from dataclasses import MISSING, dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from ..cli import option, parse_settings, run_program
from ..errors import UserError
from ..locks import locked, locked_folder
from ..paths import expanded
from .archives import unpack
from .catalogue import FLICKR8K_IMAGES, FLICKR8K_TEXT, WEIGHTS, data_folder
from .fetch import fetch


@dataclass(frozen=True)
class DownloadSettings:
    what: str = option(MISSING, "what to download", choices=("flickr8k", "vgg16", "vgg19"), positional=True)
    out: str | None = option(None, "folder (default: MINICAP_DATA, or ~/.cache/minicap)", metavar="DIR")
    text_only: bool = option(False, "flickr8k: only the captions and split lists (2 MB), no images")
    keep_archive: bool = option(False, "flickr8k: keep the zip files after unpacking them")
    format: str = option("keras", "vgg: Keras' .h5 or torchvision's .pth", choices=("keras", "torch"))
    notop: bool = option(False, "vgg, keras: only the convolutions, without the three dense layers")
    mirror: tuple[str, ...] | None = option(None, "addresses to try first, each of the file itself or of a folder that "
                                            "has it under its official name", metavar="URL")


def download_weights(network, folder, *, format="keras", mirrors=()):
    """Fetch a file of :data:`WEIGHTS` into ``folder`` and return its path."""
    file = WEIGHTS[network, format]
    with locked(Path(folder) / file.name):
        return fetch(_with_mirrors(file, mirrors), folder)


def download_flickr8k(folder, *, text_only=False, keep_archive=False, mirrors=()):
    """Download and unpack Flickr8k into ``folder``, and return ``folder``. An archive that was there before is kept."""
    folder = Path(folder)
    with locked_folder(folder):
        _download_and_unpack(folder, text_only, keep_archive, mirrors)
    return folder


def _download_and_unpack(folder, text_only, keep_archive, mirrors):
    for archive, contents in (FLICKR8K_TEXT,) if text_only else (FLICKR8K_TEXT, FLICKR8K_IMAGES):
        if contents.problem(folder) is None:
            print(f"the contents of {archive.name} are already in {folder}", file=sys.stderr)
            continue
        keep = keep_archive or (folder / archive.name).exists()
        path = fetch(_with_mirrors(archive, mirrors), folder)
        unpack(path, folder)
        if problem := contents.problem(folder):
            raise UserError(f"{folder} has other files in it: {problem}; move it away, then try again")
        if not keep:
            path.unlink()


def _with_mirrors(file, mirrors):
    return replace(file, addresses=(*(m for mirror in mirrors if (m := _address(mirror, file.name))), *file.addresses))


def _address(mirror, name):
    """The address of the file ``name`` at ``mirror``; None when ``mirror`` is the address of another known file."""
    try:
        urlsplit(mirror).port  # noqa: B018 - the last of its parts to be checked
    except ValueError as error:
        raise UserError(f"--mirror {mirror} is no valid address ({error})") from error
    if urlsplit(mirror).scheme not in ("http", "https") or not urlsplit(mirror).hostname:
        raise UserError(f"--mirror {mirror} is not an address that begins with http:// or https://")
    last = PurePosixPath(urlsplit(mirror).path).name
    known = {file.name for file in (*WEIGHTS.values(), FLICKR8K_TEXT[0], FLICKR8K_IMAGES[0])}
    if last == name or (last not in known and Path(last).suffix == Path(name).suffix):
        return mirror
    return None if last in known else f"{mirror.rstrip('/')}/{name}"


def main(argv=None):
    settings = parse_settings(DownloadSettings, "download", __doc__.partition("\n")[0], argv)
    flickr8k = settings.what == "flickr8k"
    if not flickr8k and (settings.text_only or settings.keep_archive):
        raise UserError(f"--text-only and --keep-archive are for flickr8k, not for {settings.what}")
    if settings.notop and (flickr8k or settings.format == "torch"):
        raise UserError("--notop is for vgg16 and vgg19 with --format keras; there is no other such file")
    folder = expanded(settings.out) if settings.out else data_folder()
    mirrors = settings.mirror or ()
    if flickr8k:
        path = download_flickr8k(folder / "Flickr8k", text_only=settings.text_only, keep_archive=settings.keep_archive,
                                 mirrors=mirrors)
    else:
        format = settings.format + ("-notop" if settings.notop else "")
        path = download_weights(settings.what, folder, format=format, mirrors=mirrors)
    print(path)


if __name__ == "__main__":
    run_program(main)
