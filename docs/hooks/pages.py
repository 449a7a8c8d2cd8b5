"""Pages and pictures that stay where they are in the repository: lessons, results, the map of rooms.

A file lessons/01_arrays/README.md is at lessons/01_arrays/ on the site, so links from one to another hold there. Links
to what is not on the site (code, logs) lead to the repository if mkdocs.yml names one.
"""

import posixpath
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BESIDE_DOCS = ("lessons/README.md", "lessons/*/README.md", "lessons/*.svg", "lessons/*/*.svg", "lessons/*/*.png",
               "results/**/README.md", "minicap/README.md", "minicap/pretrained/*/README.md",
               "CONTRIBUTING.md", "CHANGELOG.md")
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)")
HIDDEN = {"index.md": ["navigation", "toc"], "lessons/README.md": ["toc"]}  # what stands there needs the room
# Where the graph is wider than the screen, its first box is what one sees first.
BEGIN_AT_00 = """<script>{
const graph = document.currentScript.parentElement, box = graph.querySelector(".node").getBoundingClientRect();
graph.scrollLeft += (box.left + box.right) / 2 - graph.getBoundingClientRect().left - graph.clientWidth / 2;
}</script>""".replace("\n", " ")
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
GRAPH = re.compile(r"!\[[^\]]*\]\(graph\.svg\)")


def found(pattern):
    """The files of the repository that fit a pattern, as paths from its root, in order."""
    return sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern))


def on_config(config):
    """The section of the lessons holds all that there are."""
    config.nav = [{"Lessons": ["lessons/README.md", *found("lessons/*/README.md")]}
                  if entry == {"Lessons": "lessons/README.md"} else entry for entry in config.nav]


def on_files(files, config):
    from mkdocs.structure.files import File

    for path in (path for pattern in BESIDE_DOCS for path in found(pattern)):
        files.append(File(path, str(ROOT), config.site_dir, config.use_directory_urls))


def on_page_markdown(markdown, page, config, files):
    here = page.file.src_uri
    if here in HIDDEN:
        page.meta["hide"] = HIDDEN[here]
    if here == "lessons/README.md":
        svg = (ROOT / "lessons/graph.svg").read_text(encoding="utf-8")
        markdown = GRAPH.sub(lambda _: f'<div class="graph" markdown="0">{inlined(svg)}{BEGIN_AT_00}</div>', markdown)
    end, pieces = 0, []
    for fence in FENCED.finditer(markdown):  # what looks like a link in code is none
        pieces += [with_links(markdown[end:fence.start()], here, config, files), fence[0]]
        end = fence.end()
    return "".join([*pieces, with_links(markdown[end:], here, config, files)])


def inlined(svg):
    """A drawing as part of a page: its links lead to pages instead of files, and it takes the page's colours."""
    return svg[svg.index("<svg"):].replace("/README.md\"", "/\"").replace("\n", "")


def with_links(markdown, here, config, files):
    """The same text with every relative link as the site needs it."""
    in_repository = f"docs/{here}" if (ROOT / "docs" / here).exists() else here

    def link(match):
        path = posixpath.normpath(posixpath.join(posixpath.dirname(in_repository), match["target"]))
        on_site = path.removeprefix("docs/")
        text, anchor = match["text"], match["anchor"] or ""
        if files.get_file_from_path(on_site):
            return f"[{text}]({posixpath.relpath(on_site, posixpath.dirname(here) or '.')}{anchor})"
        if not (ROOT / path).exists():
            return match[0]  # and MkDocs says so
        kind = "tree" if (ROOT / path).is_dir() else "blob"
        return f"[{text}]({config.repo_url}/{kind}/main/{path}{anchor})" if config.repo_url else text

    return LINK.sub(link, markdown)
