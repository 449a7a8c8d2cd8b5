import hashlib
import os
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from http_server import FaultyServer, fails, serves, stalls

from minicap.download import __main__ as program
from minicap.download import catalogue
from minicap.download.__main__ import main
from minicap.download.archives import Contents
from minicap.download.catalogue import data_folder, downloaded_weights
from minicap.errors import UserError

WEIGHTS = b"weights " * 5000
KERAS_VGG19 = "vgg19_weights_tf_dim_ordering_tf_kernels.h5"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("MINICAP_WEIGHTS", raising=False)
    server = FaultyServer()
    yield server
    server.close()


@pytest.fixture
def small_vgg19(server, monkeypatch):
    """The Keras VGG-19 of the table, small and on the local server."""
    file = replace(catalogue.WEIGHTS["vgg19", "keras"], addresses=(f"{server.base}/official/{KERAS_VGG19}",),
                   checksum="md5:" + hashlib.md5(WEIGHTS).hexdigest())
    monkeypatch.setitem(catalogue.WEIGHTS, ("vgg19", "keras"), file)
    server.routes[f"/official/{KERAS_VGG19}"] = [serves(WEIGHTS)]
    return file


@pytest.fixture
def small_flickr8k(server, monkeypatch, tmp_path):
    """Flickr8k with two images, on the local server."""
    text = {"Flickr8k.token.txt": b"a.jpg#0\tA dog .\na.jpg#1\tA cat .\nb.jpg#0\tA cow .\n",
            "Flickr_8k.trainImages.txt": b"a.jpg\n", "__MACOSX/._Flickr8k.token.txt": b"x"}
    images = {"Flicker8k_Dataset/": b"", "Flicker8k_Dataset/a.jpg": b"aaa", "Flicker8k_Dataset/b.jpg": b"bbb"}
    tables = {"FLICKR8K_TEXT": (text, Contents({}, {"Flickr8k.token.txt": 3, "Flickr_8k.trainImages.txt": 1})),
              "FLICKR8K_IMAGES": (images, Contents({"Flicker8k_Dataset": 2}, {}))}
    for table, (members, contents) in tables.items():
        file = getattr(catalogue, table)[0]
        path = tmp_path / "upstream" / file.name
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w") as z:
            for name, data in members.items():
                z.writestr(name, data)
        server.routes[f"/official/{file.name}"] = [serves(path.read_bytes())]
        file = replace(file, addresses=(f"{server.base}/official/{file.name}",), inspect=contents.archive_problem)
        monkeypatch.setattr(program, table, (file, contents))
    return tmp_path / "upstream"


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


UNPACKED = ["Flicker8k_Dataset/a.jpg", "Flicker8k_Dataset/b.jpg", "Flickr8k.token.txt", "Flickr_8k.trainImages.txt"]


def test_weights_are_downloaded_and_the_path_is_printed(small_vgg19, tmp_path, capsys):
    main(["vgg19", "--out", str(tmp_path)])
    assert capsys.readouterr().out == f"{tmp_path / KERAS_VGG19}\n"
    assert (tmp_path / KERAS_VGG19).read_bytes() == WEIGHTS


def test_without_out_the_data_folder_is_used(small_vgg19, tmp_path, monkeypatch):
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "data"))
    main(["vgg19"])
    assert downloaded_weights("vgg19") == tmp_path / "data" / KERAS_VGG19


def test_flickr8k_is_downloaded_verified_and_unpacked(small_flickr8k, server, tmp_path, capsys):
    out = tmp_path / "out"
    main(["flickr8k", "--out", str(out)])
    assert names(out / "Flickr8k") == UNPACKED
    assert capsys.readouterr().out == f"{out / 'Flickr8k'}\n"
    requests = len(server.requests)
    main(["flickr8k", "--out", str(out)])  # nothing is left to do
    assert len(server.requests) == requests


def test_only_the_text_is_fetched_when_asked(small_flickr8k, server, tmp_path):
    main(["flickr8k", "--out", str(tmp_path), "--text-only"])
    assert names(tmp_path / "Flickr8k") == UNPACKED[2:]
    assert [path for path, _ in server.requests] == ["/official/Flickr8k_text.zip"]


def test_archives_are_kept_when_asked(small_flickr8k, tmp_path):
    main(["flickr8k", "--out", str(tmp_path), "--keep-archive"])
    assert names(tmp_path / "Flickr8k") == sorted([*UNPACKED, "Flickr8k_Dataset.zip", "Flickr8k_text.zip"])


def test_an_archive_put_there_by_hand_is_used_and_kept(small_flickr8k, server, tmp_path):
    (tmp_path / "Flickr8k").mkdir()
    archive = tmp_path / "Flickr8k" / "Flickr8k_Dataset.zip"
    archive.write_bytes((small_flickr8k / archive.name).read_bytes())
    main(["flickr8k", "--out", str(tmp_path)])
    assert names(tmp_path / "Flickr8k") == sorted([*UNPACKED, "Flickr8k_Dataset.zip"])
    assert [path for path, _ in server.requests] == ["/official/Flickr8k_text.zip"]


def test_an_archive_with_other_contents_is_not_accepted(small_flickr8k, server, tmp_path):
    text = (small_flickr8k / "Flickr8k_text.zip").read_bytes()
    server.routes["/official/Flickr8k_Dataset.zip"] = [serves(text)]
    with pytest.raises(UserError, match="sent a wrong file: Flicker8k_Dataset holds 0 images instead of 2"):
        main(["flickr8k", "--out", str(tmp_path)])
    assert names(tmp_path / "Flickr8k") == UNPACKED[2:]


def test_a_folder_with_foreign_images_is_refused_after_unpacking(small_flickr8k, tmp_path):
    (tmp_path / "Flickr8k" / "Flicker8k_Dataset").mkdir(parents=True)
    (tmp_path / "Flickr8k" / "Flicker8k_Dataset" / "mine.jpg").write_bytes(b"mine")
    with pytest.raises(UserError, match="has other files in it: Flicker8k_Dataset holds 3 images instead of 2"):
        main(["flickr8k", "--out", str(tmp_path)])


@pytest.mark.parametrize("mirror", ["/mine", "/mine/", f"/mine/{KERAS_VGG19}", "/renamed.h5?key=1"])
def test_a_mirror_is_a_folder_or_the_file_itself_and_is_tried_first(small_vgg19, server, tmp_path, mirror):
    address = mirror if ".h5" in mirror else f"/mine/{KERAS_VGG19}"
    server.routes[address] = [serves(WEIGHTS)]
    main(["vgg19", "--out", str(tmp_path), "--mirror", server.base + mirror])
    assert [path for path, _ in server.requests] == [address]


def test_a_mirror_that_fails_is_followed_by_the_official_address(small_vgg19, server, tmp_path):
    server.routes[f"/b/{KERAS_VGG19}"] = [fails(404)]
    main(["vgg19", "--out", str(tmp_path), "--mirror", f"{server.base}/a/", f"{server.base}/b/"])
    assert [path.split("/")[1] for path, _ in server.requests] == ["a", "b", "official"]


def test_the_mirror_of_one_archive_is_not_asked_for_the_other(small_flickr8k, server, tmp_path):
    main(["flickr8k", "--out", str(tmp_path), "--mirror", f"{server.base}/mine/Flickr8k_text.zip"])
    assert [path for path, _ in server.requests] == ["/mine/Flickr8k_text.zip", "/official/Flickr8k_text.zip",
                                                     "/official/Flickr8k_Dataset.zip"]


@pytest.mark.parametrize(("options", "sentence"), [
    (["vgg16", "--text-only"], "are for flickr8k, not for vgg16"),
    (["vgg16", "--keep-archive"], "are for flickr8k, not for vgg16"),
    (["vgg16", "--format", "torch", "--notop"], "--notop is for vgg16 and vgg19 with --format keras"),
    (["flickr8k", "--notop"], "--notop is for vgg16 and vgg19 with --format keras"),
    (["vgg16", "--mirror", "ftp://host/"], "ftp://host/ is not an address that begins with http"),
    (["vgg16", "--mirror", "/a/folder"], "/a/folder is not an address that begins with http"),
])
def test_options_that_do_not_fit_are_refused(tmp_path, options, sentence):
    with pytest.raises(UserError, match=sentence):
        main([*options, "--out", str(tmp_path)])


def test_the_table_is_whole():
    assert {network for network, _ in catalogue.WEIGHTS} == {"vgg16", "vgg19"}
    for file in (*catalogue.WEIGHTS.values(), catalogue.FLICKR8K_TEXT[0], catalogue.FLICKR8K_IMAGES[0]):
        assert len(file.addresses) == 2
        assert all(address.startswith("https://") and address.endswith(f"/{file.name}") for address in file.addresses)
    digits = {(network, format): len(file.checksum.partition(":")[2])
              for (network, format), file in catalogue.WEIGHTS.items()}
    assert digits.pop(("vgg16", "torch")) == digits.pop(("vgg19", "torch")) == 64
    assert set(digits.values()) == {32}


def test_the_data_folder_is_the_environment_variable_or_in_the_home(monkeypatch):
    monkeypatch.setenv("MINICAP_DATA", "/some/where")
    assert data_folder() == Path("/some/where")
    monkeypatch.delenv("MINICAP_DATA")
    assert data_folder() == Path.home() / ".cache" / "minicap"


def test_weights_are_found_by_their_official_names_whole_networks_first(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path))
    assert downloaded_weights("vgg19") is None
    notop = KERAS_VGG19.replace(".h5", "_notop.h5")
    for name in (notop, "vgg19-dcbb9e9d.pth", KERAS_VGG19):  # each one is preferred to those before
        (tmp_path / name).write_bytes(b"")
        assert downloaded_weights("vgg19") == tmp_path / name
    assert downloaded_weights("vgg16") is None and downloaded_weights("vgg11") is None


def run(*options):
    return subprocess.Popen([sys.executable, "-m", "minicap.download", *options], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, cwd=Path(catalogue.__file__).parents[2])


def test_a_mistake_ends_the_program_with_one_line_and_code_2(tmp_path):
    program = run("vgg16", "--mirror", "nowhere", "--out", str(tmp_path))
    out, err = program.communicate(timeout=30)
    assert program.returncode == 2 and out == ""
    assert err == "error: --mirror nowhere is not an address that begins with http:// or https://\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_the_program_with_130_and_leaves_the_part_for_resume(small_vgg19, server, tmp_path):
    server.routes[f"/mine/{KERAS_VGG19}"] = [stalls(WEIGHTS, after=1000), serves(WEIGHTS)]
    program = run("vgg19", "--mirror", f"{server.base}/mine/", "--out", str(tmp_path))
    partial, deadline = tmp_path / f"{KERAS_VGG19}.partial", time.monotonic() + 60
    while not (partial.exists() and partial.stat().st_size == 1000) and time.monotonic() < deadline:
        time.sleep(0.01)
    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=60)
    assert program.returncode == 130 and err.endswith("interrupted\n") and "Traceback" not in err
    assert partial.read_bytes() == WEIGHTS[:1000]
    main(["vgg19", "--mirror", f"{server.base}/mine/", "--out", str(tmp_path)])
    assert server.ranges() == [None, "bytes=1000-"] and (tmp_path / KERAS_VGG19).read_bytes() == WEIGHTS


@pytest.mark.real_data
@pytest.mark.skipif("MINICAP_DATA" not in os.environ, reason="MINICAP_DATA is not set")
def test_the_real_flickr8k_is_recognised_in_its_folder_and_in_its_archives():
    folder = Path(os.environ["MINICAP_DATA"]) / "Flickr8k"
    for file, contents in (catalogue.FLICKR8K_TEXT, catalogue.FLICKR8K_IMAGES):
        assert contents.problem(folder) is None
        assert file.problem(folder / file.name) is None
