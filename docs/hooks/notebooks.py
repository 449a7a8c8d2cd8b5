"""The lessons as notebooks, made while the site is built, for download from notebooks.md and from each lesson."""

import re

LESSON = re.compile(r"lessons/(\d\d_\w+)/README\.md")
HERE = "notebooks.md"  # the page that lists them


def notebooks():
    """{name: (title, text)} of every notebook that there is."""
    from minicap.learn.notebook_file import as_json, cells, sources

    return {stem: (title_of(markdown), as_json(cells(markdown, lesson), f"{stem}.ipynb"))
            for stem, markdown, lesson in sources("all")}


def title_of(path):
    """The first heading of a file with Markdown."""
    return re.search(r"^# (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)[1]


def on_files(files, config):
    from mkdocs.structure.files import File

    config.extra["notebooks"] = {}
    for stem, (title, text) in notebooks().items():
        config.extra["notebooks"][stem] = title
        files.append(File.generated(config, f"notebooks/{stem}.ipynb", content=text))


def on_page_markdown(markdown, page, config, files):
    stem = LESSON.fullmatch(page.file.src_uri)
    if stem and stem[1] in config.extra["notebooks"]:
        first, rest = markdown.split("\n", 1)
        return f"{first}\n\n[This lesson as a notebook](../../notebooks/{stem[1]}.ipynb)\n{rest}"
    if page.file.src_uri == HERE:
        rows = "\n".join(f"* [{title}](notebooks/{stem}.ipynb)" for stem, title in config.extra["notebooks"].items())
        return markdown.replace("<!-- all of them -->", rows)
    return markdown
