"""The front page: its commands run in order in one shell, its captions are what the captioner says."""

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_flickr8k
import tiny_vgg
from PIL import Image

from minicap import caption
from minicap.pretrained_networks import find_weights

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PICTURES = ROOT / "docs" / "pictures"
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
# Everything that is not run as it stands: what would be fetched, and what would take minutes.
REPLACED = {
    r"python -m pip install \S+( -e)? \S+": "true",                  # PYTHONPATH has the packages of these tests
    r"python -m minicap\.download flickr8k": "true",                 # MINICAP_DATA has a miniature
    r"python -m minicap\.train$": "python -m minicap.train --epochs 1",
    r"python -m pytest -q -n auto$": "python -m pytest -q tests/test_linear.py",
}


@pytest.fixture
def lite():
    if find_weights("efficientnet-lite2") is None:
        pytest.skip("the weights of EfficientNet-Lite2 are not installed (extra `photo`)")


def as_run(block):
    for pattern, short in REPLACED.items():
        block = re.sub(pattern, short, block, flags=re.MULTILINE)
    return block


def captions_below_pictures():
    """{name of a picture: what the first table says below it}"""
    pictures, _, captions = README.partition("| ![")[2].splitlines()[:3]
    return dict(zip(re.findall(r"\(docs/pictures/(\S+)\)", pictures), captions.strip("| ").split(" | "), strict=True))


@pytest.mark.skipif(os.name == "nt", reason="the commands are for bash")
def test_all_commands_can_be_pasted_in_order_into_one_shell(lite, tmp_path, monkeypatch):
    clone, data = tmp_path / "clone", tmp_path / "data"
    for name in ("minicap", "docs", "lessons", "tests", "examples"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", clone)
    with monkeypatch.context() as patch:
        tiny_vgg.shrink(patch, size=32)
        tiny_flickr8k.make(data)
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("MINICAP_", "PYTEST_"))}
    packages = [path for path in sys.path if "site-packages" in path or not Path(path or ROOT).is_relative_to(ROOT)]
    done = subprocess.run(
        ["bash", "-euc", "\n".join(map(as_run, BLOCKS))], cwd=clone, capture_output=True, text=True, timeout=900,
        env=keep | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), keep["PATH"]]), "HOME": str(tmp_path),
                    "PYTHONPATH": os.pathsep.join([str(clone), *packages]), "MINICAP_DATA": str(data)})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert f"docs/pictures/dog.jpg: {captions_below_pictures()['dog.jpg']}\n" in done.stdout
    assert "best epoch 1: " in done.stdout and " passed" in done.stdout and "Lesson 0" in done.stdout
    assert list((data / "features").glob("flickr8k-lite2-head-*.npy"))  # by `train` itself
    for made in ("runs/shapes-1/curve.png", "runs/show-and-tell/best.safetensors", "runs/flickr8k/curve.png",
                 "report.html", "words.png", "my-captioner/README.md", "my-lessons/progress.json"):
        assert (clone / made).exists(), made


def test_commands_have_no_comments_which_zsh_takes_for_arguments():
    pages = [*ROOT.glob("*.md"), *(page for folder in ("docs", "examples", "lessons", "minicap", "results")
                                   for page in (ROOT / folder).rglob("*.md"))]
    blocks = {page: re.findall(r"^```sh\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
              for page in pages}
    assert sum(map(len, blocks.values())) > 40
    assert not [(str(page), line) for page in pages for block in blocks[page] for line in block.splitlines()
                if re.search(r"(^|\s)#", line)]


def test_the_commands_call_python_in_one_way_and_nothing_is_replaced_unseen():
    commands = [line for block in BLOCKS for line in re.sub(r"\\\n", "", block).splitlines()]
    parts = [part for line in commands for part in line.split(" && ")]
    assert {part.split()[0] for part in parts} == {"python3", ".", "python", "cd"}
    assert {part for part in parts if part.split()[0] in ("python3", ".")} == {"python3 -m venv .venv",
                                                                              ". .venv/bin/activate"}
    assert all(any(re.search(pattern, line) for line in commands) for pattern in REPLACED)


@pytest.mark.parametrize("mark", ["photo", "main", "tests"])
def test_the_commands_that_ci_runs_alone_begin_with_nothing(mark):
    block = README.partition(f"<!-- {mark} -->\n```sh\n")[2].partition("```")[0]
    assert block.startswith("python3 -m venv .venv && . .venv/bin/activate && python -m pip install -q ")
    assert block in BLOCKS


def test_the_captions_are_what_the_captioner_says(lite, capsys):
    expected = captions_below_pictures()
    assert len(expected) == 4 and not caption.main([str(PICTURES / name) for name in expected] + ["--device", "cpu"])
    assert capsys.readouterr().out.splitlines() == [f"{PICTURES / name}: {text}" for name, text in expected.items()]


def test_the_attention_is_what_the_captioner_draws(lite, tmp_path):
    caption.main([str(PICTURES / "opera.jpg"), "--attention", str(tmp_path / "words.png"), "--device", "cpu"])
    with Image.open(PICTURES / "opera-attention.jpg") as shown, Image.open(tmp_path / "words.png") as drawn:
        assert abs(shown.width / shown.height - drawn.width / drawn.height) < 0.01
        again = io.BytesIO()
        drawn.convert("RGB").resize(shown.size, Image.Resampling.LANCZOS).save(again, "jpeg", quality=57)
        difference = np.asarray(shown, float) - np.asarray(Image.open(again), float)
    assert abs(difference).mean() < 3


def test_pictures_are_small_and_their_sources_are_named():
    sources = (PICTURES / "README.md").read_text(encoding="utf-8")
    names = sorted(path.name for path in PICTURES.glob("*.jpg"))
    assert len(names) == 5 and all(f"`{name}`" in sources for name in names)
    assert sum((PICTURES / name).stat().st_size for name in names) < 150_000


def test_links_lead_to_files():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 8 and all((ROOT / link).exists() for link in links)
