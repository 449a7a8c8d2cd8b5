"""The page: what is where, and what happens when somebody touches it. Gradio is loaded when it is built."""

import functools
import os
import re
import secrets
import threading
from pathlib import Path

import numpy as np

from ..captioning.data.shapes import RGB
from ..captioning.data.shapes_language import COLOURS, SHAPES, SIZES
from ..captioning.decoding.search_settings import SearchSettings
from ..captioning.reporting.report import SCRIPT, STYLE, as_text
from ..errors import UserError, with_flags
from . import photographs as photos
from . import scenes

BEAM = 10        # the widest beam that the page offers
STEP = 0.02      # of the picture's side, by which an arrow key moves an object
SIGNS = dict(zip(SHAPES, "●■▲✚★♥", strict=True))
UPLOAD_SECONDS = 600       # seconds after which an upload is deleted that nobody asked to caption
PHOTOGRAPH_SECONDS = 3600  # seconds after which the photograph of a tab that is still open is

HEADER = """<h1>minicap</h1>
<p>Image captioning by hand: every layer, its gradient and the beam search in NumPy. Photographs and captions
stay on the computer that serves this page.</p>"""
EMPTY = '<p class="quiet">The photograph and its captions will be here.</p>'
DRAWING = """<p>Click an object to select it, then click anywhere else to move it there; the arrow keys move it, too.
What you choose below changes the selected object.</p>"""
COLOUR_DOTS = "\n".join(f"#colour label:nth-of-type({n}) span::before {{ background: rgb{RGB[colour]} }}"
                        for n, colour in enumerate(COLOURS, start=1))
CSS = STYLE + """
.gradio-container { max-width: 76rem !important }
.photo { display: inline-block; max-width: 100%; border-radius: .4rem; overflow: hidden }
.photo img { display: block; width: auto; max-width: 100%; max-height: 60vh; margin: 0 }
figure.described { margin: 0 } .described .caption { font-size: 1.35rem; line-height: 1.4; font-weight: 600 }
.described h3 { font-size: 1rem; margin: 1.2rem 0 .3rem } .described ul { margin: 0 0 .8rem }
.described table, .described tr, .described td { border: 0 !important; border-collapse: collapse; margin: 0 }
.described td { padding: .2rem .8rem .2rem 0 !important; vertical-align: top }
.described td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
.quiet { opacity: .75; font-size: .9rem }
.refused { border-left: .25rem solid #d33; padding: .5rem .8rem; background: var(--background-fill-secondary) }
.right, .wrong { font-weight: 600 } .right { color: #17803d; white-space: nowrap } .wrong { color: #c62828 }
.dark .right { color: #4ade80 } .dark .wrong { color: #ff8a80 }
.canvas { position: relative; max-width: 26rem; cursor: crosshair; line-height: 0; touch-action: manipulation }
.canvas img { width: 100%; border-radius: .4rem; user-select: none }
.canvas svg { position: absolute; inset: 0; width: 100%; height: 100% }
.canvas circle { fill: transparent; cursor: pointer }
.canvas .selected { stroke: #444; stroke-width: .008; stroke-dasharray: .03 .02 }
.sections { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 0 2rem }
.seen { margin-top: 1rem; display: flex; align-items: center; gap: .8rem }
.seen img { width: 6rem; height: 6rem; image-rendering: pixelated; border-radius: .2rem }
#colour label span::before { content: ""; display: inline-block; width: .8em; height: .8em; border-radius: 50%;
  margin-right: .4em; border: 1px solid #888 }
""" + COLOUR_DOTS
HEAD = f"<script>{SCRIPT}</script>"
CLICKS = """
element.tabIndex = 0;
element.setAttribute("role", "group");
element.setAttribute("aria-label", "the scene: arrow keys move the selected object");
element.addEventListener("click", event => {
  const box = element.querySelector(".canvas").getBoundingClientRect();
  trigger("select", {x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height});
});
element.addEventListener("keydown", event => {
  const [dx, dy] = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key] ?? [0, 0];
  if (dx || dy) { event.preventDefault(); trigger("input", {dx, dy}); }
});
"""


class PageState:
    """What the server keeps for one open page, and the lock by which the page's requests are answered one by one."""

    def __init__(self):
        self.shown, self.lock = None, threading.Lock()

    def __deepcopy__(self, memo):
        return PageState()  # Gradio copies what a page begins with


def one_by_one(answer):
    """The same function of a :class:`PageState` and what was chosen, which waits for the page's earlier requests.

    Gradio's own queue would see to that, too. But it sends its answers through a connection of their own, which ends
    whenever all are answered: the answer to what is asked at that very moment may be lost. Without it (``UNQUEUED``) an
    answer comes by the connection that asked.
    """
    @functools.wraps(answer)
    def waiting(state, *chosen):
        with state.lock:
            return answer(state, *chosen)
    return waiting


UNQUEUED = {"queue": False, "api_visibility": "private"}


def build(of_photographs, of_scenes):
    """The page, a ``gradio.Blocks``.

    of_photographs   a :class:`.Photographs`, or the sentence that tells why there is none
    of_scenes        a :class:`.Scenes`
    """
    import gradio as gr

    with gr.Blocks(title="minicap", analytics_enabled=False, delete_cache=(60, UPLOAD_SECONDS)) as page:
        gr.HTML(HEADER)
        with gr.Tab("Photographs"):
            if isinstance(of_photographs, str):
                gr.HTML(refusal(of_photographs))
            else:
                _photograph_tab(gr, of_photographs)
        with gr.Tab("Drawn scenes"):
            _scene_tab(gr, page, of_scenes)
    return page


def appearance():
    """What of the page is not in its parts: fonts of the reader's own system, colours, the script."""
    import gradio as gr

    theme = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    theme.set(body_text_color_subdued="*neutral_600", block_info_text_color="*neutral_600")  # else too pale to read
    return {"theme": theme, "css": CSS, "head": HEAD}


def refusal(sentence):
    """A sentence that tells what went wrong, as HTML."""
    text = re.sub("`([^`]*)`", r"<code>\1</code>", as_text(with_flags(sentence)))
    return f'<p class="refused" role="alert">{text}</p>'


# --- Photographs -----------------------------------------------------------------------------------------------------

def _photograph_tab(gr, of_photographs):
    defaults = of_photographs.defaults
    state = gr.State(PageState(), time_to_live=PHOTOGRAPH_SECONDS)
    with gr.Row():
        with gr.Column(scale=2, min_width=280):
            if of_photographs.about:
                gr.HTML(f"<p>{as_text(of_photographs.about)}</p>")
            upload = gr.File(label="A photograph", type="filepath", height=150, elem_id="upload")
            with gr.Accordion("How the words are chosen", open=False):
                way = gr.Radio([("the most probable captions (beam search)", "search"), ("at random", "sample")],
                               value="search", show_label=False, container=False)
                with gr.Group() as searching:
                    beam = gr.Slider(1, BEAM, min(BEAM, defaults.beam), step=1, label="Beam width", elem_id="beam",
                                     info="Captions kept after every word; with 1, the most probable word is taken.")
                    penalty = gr.Slider(0, 2, min(2, defaults.length_penalty), step=0.1, label="Length penalty",
                                        info="0 favours short captions, higher values long ones.")
                    once = gr.Checkbox(defaults.no_repeat_ngram_size == 2, label="No pair of words twice",
                                       info="Two words that stand together do so only once in a caption.")
                with gr.Group(visible=False) as sampling:
                    temperature = gr.Slider(0, 2, 1, step=0.1, label="Temperature", info="1 draws from the model's own "
                                            "probabilities, lower values favour probable words, 0 is the most probable "
                                            "word.")
                    again = gr.Button("Draw again")
        with gr.Column(scale=3, min_width=280):
            result = gr.HTML(EMPTY, elem_id="photograph")

    def describe(photograph, way, beam, penalty, once, temperature):
        settings = SearchSettings(beam=int(beam), length_penalty=penalty, no_repeat_ngram_size=2 if once else 0)
        if way == "sample":
            settings = SearchSettings(temperature=temperature, seed=secrets.randbits(32))
        return photos.show(photograph, of_photographs.describe(photograph, settings))

    @one_by_one
    def read(state, path, *search):
        state.shown = None
        try:
            state.shown = of_photographs.read(path, Path(path).name)
            html = describe(state.shown, *search)
        except UserError as error:
            html = refusal(str(error))
        except MemoryError:
            html = refusal("there is not enough memory for this photograph; make a smaller copy of it")
        finally:
            os.unlink(path)
        return None, state, html

    @one_by_one
    def describe_again(state, *search):
        return EMPTY if state.shown is None else describe(state.shown, *search)

    search = [way, beam, penalty, once, temperature]
    upload.upload(read, [state, upload, *search], [upload, state, result], **UNQUEUED)
    way.input(lambda way: (gr.Group(visible=way == "search"), gr.Group(visible=way == "sample")), way,
              [searching, sampling], show_progress="hidden", **UNQUEUED)
    gr.on([again.click, *(part.input for part in search)], describe_again, [state, *search], result,
          trigger_mode="always_last", show_progress="hidden", **UNQUEUED)  # what was asked last is shown in the end


# --- Drawn scenes ----------------------------------------------------------------------------------------------------

def _scene_tab(gr, page, of_scenes):
    state = gr.State(PageState())
    with gr.Row():
        with gr.Column(min_width=280):
            canvas = gr.HTML(js_on_load=CLICKS, elem_id="canvas")
            result = gr.HTML(elem_id="scene")
        with gr.Column(min_width=280):
            gr.HTML(DRAWING)
            shape = gr.Radio([(f"{SIGNS[shape]} {shape}", shape) for shape in SHAPES], label="Shape", elem_id="shape")
            colour = gr.Radio(list(COLOURS), label="Colour", elem_id="colour")
            size = gr.Radio(list(SIZES), label="Size", elem_id="size")
            another = gr.Button("Another scene")
    details = gr.HTML(elem_id="details")

    def draw(state, drawing):
        """Show another drawing: what all events do."""
        state.shown = drawing
        captions, seconds = of_scenes.describe(drawing)
        side = of_scenes.captioner.input_size
        return scenes.canvas(drawing), scenes.best(captions), scenes.details(drawing, captions, seconds, side)

    def select(state, drawing):
        """The same, and what the object is that has been selected."""
        o = drawing.objects[drawing.selected]
        return *draw(state, drawing), o.shape, o.colour, o.size

    @one_by_one
    def surprise(state):
        return select(state, scenes.surprise(np.random.default_rng()))

    @one_by_one
    def click(state, event: gr.EventData):
        x, y = (min(1.0, max(0.0, float(place))) for place in (event.x, event.y))
        return select(state, scenes.click(state.shown, x, y))

    @one_by_one
    def move(state, event: gr.EventData):
        dx, dy = (STEP * min(1.0, max(-1.0, float(step))) for step in (event.dx, event.dy))
        return draw(state, scenes.move(state.shown, dx, dy))

    def change(fact):
        return one_by_one(lambda state, choice: draw(state, scenes.change(state.shown, **{fact: choice})))

    drawn, chosen = [canvas, result, details], {"shape": shape, "colour": colour, "size": size}
    at_once = UNQUEUED | {"show_progress": "hidden", "trigger_mode": "multiple"}  # none of several clicks is left out
    for event in (page.load, another.click):
        event(surprise, state, [*drawn, *chosen.values()], **at_once)
    canvas.select(click, state, [*drawn, *chosen.values()], **at_once)
    canvas.input(move, state, drawn, **at_once)
    for fact, choice in chosen.items():  # which the answer must not set: it would undo a later choice
        choice.input(change(fact), [state, choice], drawn, **at_once)
