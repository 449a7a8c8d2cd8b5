"""The page in a real browser, Chromium: photographs, attention under the mouse, bad files, two users, drawn scenes."""

import contextlib
import importlib.util
import itertools
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image

from minicap import Captioner
from minicap.pretrained_networks import find_weights

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 60_000  # ms
UPLOAD, RESULT = "#upload input[type=file]", "#photograph"
pytestmark = [pytest.mark.skipif(importlib.util.find_spec("gradio") is None,  # which takes seconds to import
                                 reason="gradio is not installed (extra `demo`)"),
              pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
              pytest.mark.skipif(find_weights("efficientnet-lite2") is None,
                                 reason="the weights of EfficientNet-Lite2 are not installed (extra `photo`)")]


@pytest.fixture(scope="module")
def uploads(tmp_path_factory):
    """The folder for temporary files of the demo."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def address(uploads):
    """Where the demo is. At the end Ctrl-C ends it."""
    command = [sys.executable, "-m", "minicap.demo", "--port", "0", "--device", "cpu", "--max-upload", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=os.environ | {"TMPDIR": str(uploads), "PYTHONPATH": os.pathsep.join(sys.path)})
    try:
        line = process.stdout.readline()
        assert re.fullmatch(r"The demo is at http://127\.0\.0\.1:\d+ in your browser; Ctrl-C ends it\.\n", line), (
            line or process.communicate()[1])
        yield re.search(r"http://[\d.:]+", line)[0]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (130, "", "interrupted\n")
        assert list(uploads.iterdir()) == []  # nothing is left of what was uploaded
    finally:
        process.kill()


@pytest.fixture(scope="module")
def browser(address):
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser, address):
    """The page, opened by another user. It may load nothing from elsewhere, and its scripts may not fail."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page, addresses, failures = context.new_page(), [], []
    page.set_default_timeout(PATIENCE)
    page.on("request", lambda request: addresses.append(request.url))
    page.on("pageerror", lambda error: failures.append(error))
    page.goto(address)
    page.wait_for_selector(UPLOAD, state="attached")
    yield page
    context.close()
    assert len(addresses) > 10 and failures == []
    assert [url for url in addresses if not url.startswith((address, "data:", "blob:"))] == []


@pytest.fixture(scope="module")
def page(browser, address):
    with opened(browser, address) as page:
        yield page


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two pictures with different captions."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(1)
    smooth = Image.fromarray(rng.integers(0, 256, (3, 4, 3), dtype=np.uint8)).resize((640, 480), Image.BICUBIC)
    smooth.save(folder / "smooth.jpg")
    Image.fromarray(rng.integers(0, 256, (300, 200, 3), dtype=np.uint8)).resize((200, 300)).save(folder / "noise.jpg")
    return [folder / "smooth.jpg", folder / "noise.jpg"]


@pytest.fixture(scope="module")
def expected(photos):
    """For each of them the captions of the beam and their log p."""
    return Captioner.pretrained(device="cpu").captions(photos)


def caption(page):
    page.wait_for_selector(f"{RESULT} .caption")
    return page.inner_text(f"{RESULT} .caption")


def heat(page):
    return page.evaluate(f"""document.querySelector("{RESULT} .heat").style.backgroundImage""")


def test_a_photograph_is_captioned_and_each_word_shows_where_the_captioner_looked(page, photos, expected, uploads):
    (best, _), *others = expected[0]
    page.set_input_files(UPLOAD, photos[0])
    assert caption(page) == best
    rows = page.locator(f"{RESULT} tr").all_inner_texts()
    assert [row.split("\t")[1] for row in rows] == [text for text, _ in others]
    assert re.search(r"Time: reading \d+ ms, features \d+ ms, decoding \d+ ms, attention \d+ ms",
                     page.inner_text(RESULT))
    words = page.locator(f"{RESULT} .caption [data-heat]")
    seen = set()
    for k in (0, 1):
        words.nth(k).hover()
        seen.add(heat(page))
        assert page.inner_text(f"{RESULT} .spread").startswith(f"{best.split()[k]}: ")
        assert page.get_attribute(f"{RESULT} .photo path", "d").startswith("M")
    assert len(seen) == 2 and all(url.startswith('url("data:image/png') for url in seen)
    page.mouse.move(5, 5)
    assert heat(page) == "" and page.inner_text(f"{RESULT} .spread") == ""
    assert [path for path in uploads.rglob("*") if path.is_file() and path.stat().st_size] == []  # deleted once read


def test_the_search_can_be_changed(page, photos):
    page.set_input_files(UPLOAD, photos[0])
    caption(page)
    page.get_by_text("How the words are chosen").click()
    page.locator("#beam input[type=number]").fill("5")
    page.locator("#beam input[type=number]").blur()
    page.wait_for_function(f"document.querySelectorAll('{RESULT} tr').length == 4")
    page.get_by_label("at random").click()
    page.wait_for_function(f"document.querySelectorAll('{RESULT} tr').length == 5")
    drawn = page.inner_text(RESULT)
    page.get_by_role("button", name="Draw again").click()
    page.wait_for_function("([place, before]) => document.querySelector(place).innerText != before",
                           arg=[RESULT, drawn])
    page.get_by_label("the most probable captions").click()
    page.wait_for_function(f"document.querySelectorAll('{RESULT} tr').length == 4")


def test_bad_files_get_a_sentence(page, photos, tmp_path, address):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    page.set_input_files(UPLOAD, tmp_path / "broken.jpg")
    page.wait_for_selector(f"{RESULT} .refused")
    assert page.inner_text(RESULT).startswith("broken.jpg is truncated or damaged")
    (tmp_path / "huge.jpg").write_bytes(photos[0].read_bytes() + bytes(1_100_000))
    page.set_input_files(UPLOAD, tmp_path / "huge.jpg")
    page.get_by_text('exceed the maximum allowed size of 1.0 Mb: "huge.jpg"').wait_for()
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="huge.jpg"\r\n\r\n' + bytes(1_100_000)
    request = urllib.request.Request(f"{address}/gradio_api/upload", body + b"\r\n--x--\r\n",
                                     {"Content-Type": "multipart/form-data; boundary=x"})
    with pytest.raises(urllib.error.HTTPError, match="413"):  # a server that trusted the page would take it
        urllib.request.urlopen(request)
    page.set_input_files(UPLOAD, photos[1])
    assert caption(page)


def test_two_users_at_once_each_see_their_own(browser, address, photos, expected):
    best = [beams[0][0] for beams in expected]
    assert best[0] != best[1]
    with opened(browser, address) as one, opened(browser, address) as other:
        for page, photo in zip((one, other), photos, strict=True):
            page.set_input_files(UPLOAD, photo)
        assert [caption(one), caption(other)] == best
        for page in (one, other):
            page.get_by_role("tab", name="Drawn scenes").click()
        scenes = [page.locator("#canvas img").get_attribute("src") for page in (one, other)]
        assert scenes[0] != scenes[1]  # drawn at random for each


def test_a_script_that_would_fetch_from_elsewhere_is_refused_by_the_browser(browser, address):
    page = browser.new_page()
    page.goto(f"{address}/theme.css")
    blocked = page.evaluate("""new Promise(resolve => {
        document.addEventListener("securitypolicyviolation", event => resolve(event.blockedURI));
        fetch("https://example.org/telemetry").catch(() => {});
        setTimeout(() => resolve("nothing"), 5000);
    })""")
    assert blocked.startswith("https://example.org")
    page.close()


def test_scenes_are_drawn_by_clicking_and_captioned_at_once(page):
    def wait(condition, x):
        page.wait_for_function(f"x => {condition}", arg=x)

    def selected(name):
        """Wait until the selected object is the one with this name."""
        wait("document.querySelector('#canvas .selected title')?.textContent == x", name)

    def select_other():
        x = page.locator("#canvas circle:not(.selected)").get_attribute("cx")
        page.locator("#canvas circle:not(.selected)").click()
        wait("document.querySelector('#canvas .selected').getAttribute('cx') == x", x)

    def click(x, y):
        box = page.locator("#canvas .canvas").bounding_box()
        page.locator("#canvas .canvas").click(position={"x": x * box["width"], "y": y * box["height"]})
        wait("Math.abs(document.querySelector('#canvas .selected').getAttribute('cx') - x) < .08", x)

    def free_corner():
        """The corner that is farthest from both objects: a click on an object would not move the selected one."""
        objects = [[float(circle.get_attribute(axis)) for axis in ("cx", "cy")]
                   for circle in page.locator("#canvas circle").all()]
        corners = itertools.product((0.15, 0.85), repeat=2)
        return max(corners, key=lambda corner: min(math.dist(corner, place) for place in objects))

    page.get_by_role("tab", name="Drawn scenes").click()
    page.wait_for_selector("#details li")
    for name in ("big red star", "small blue heart"):
        for words in name.split():
            page.get_by_label(words).click()
        selected(name)
        click(*free_corner())
        select_other()
    selected("big red star")
    click(0.22, 0.5)
    select_other()
    selected("small blue heart")
    click(0.8, 0.5)
    wait("document.querySelector('#canvas img').alt == x", "a big red star is left of a small blue heart")
    wait("document.querySelector('#scene').innerText.includes(x)", "✓ right")
    assert page.inner_text("#scene .caption") in page.locator("#details li").all_inner_texts()
    page.locator("#canvas [tabindex]").focus()
    height = float(page.get_attribute("#canvas .selected", "cy"))
    page.keyboard.press("ArrowDown")
    wait("Math.abs(document.querySelector('#canvas .selected').getAttribute('cy') - x) < .005", height + 0.02)


def test_nothing_is_wider_than_a_telephone(page, photos):
    page.set_viewport_size({"width": 390, "height": 800})
    page.set_input_files(UPLOAD, photos[0])
    for tab, there in (("Drawn scenes", "#details li"), ("Photographs", f"{RESULT} .caption")):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_selector(there)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
