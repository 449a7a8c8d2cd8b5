"""The reference: a page for every public name of the library and for every layer, written from their docstrings."""

import contextlib
import html
import importlib
import inspect
import pkgutil
import posixpath
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ASIDE = ("minicap.cpu", "minicap.cuda", "minicap.learn", "minicap.lessons")  # fast twins, and no part of the library
ROLE = re.compile(r":(?:class|func|meth|mod|data):<code>~?\.?([\w.]+)</code>")
FUNCTION = re.compile(r":func:`(\w+)`")
LESSON = re.compile(r"lessons/\d\d_\w+")
SOURCE = '<details class="mkdocstrings-source"'
HEAD = """# Reference

Every name that `from minicap import ...` knows, and every layer. Each page has the docstring and the whole code,
`forward` and, right under it, `backward`. [The map of the rooms](../minicap/README.md) says what builds on what.
"""
GROUPS = {  # headings, and the modules whose names stand below them; a name belongs to the first that fits
    "Captioners": ("minicap.captioning",),
    "Networks and weights": ("minicap.networks", "minicap.vgg", "minicap.efficientnet", "minicap.weights"),
    "Losses and optimisers": ("minicap.losses", "minicap.optim"),
    "Gradient check": ("minicap.gradcheck", "minicap.gradcheck_layers"),
    "Devices and errors": ("minicap.backend", "minicap.errors"),
    "Layers": ("minicap",),
}
ORDER = ("Layers", "Losses and optimisers", "Gradient check", "Networks and weights", "Captioners",
         "Devices and errors")


def names():
    """{name: the object} of all names that have a page."""
    import minicap
    from minicap.layer import Layer

    for module in pkgutil.walk_packages(minicap.__path__, "minicap."):
        if not module.name.startswith(ASIDE) and not module.name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # a program that needs an extra
                importlib.import_module(module.name)
    public = {name: getattr(minicap, name) for name in minicap.__all__}
    return public | {layer.__name__: layer for layer in subclasses(Layer)}


def subclasses(layer):
    for one in layer.__subclasses__():
        if one.__module__.startswith("minicap.") and not one.__name__.startswith("_"):
            yield one
        yield from subclasses(one)


def groups():
    """{heading: [(name, object), ...]}, as the pages stand in the navigation."""
    found = {heading: [] for heading in ORDER}
    for name, thing in sorted(names().items(), key=lambda item: item[0].lower()):
        heading = next(heading for heading, modules in GROUPS.items()
                       if any(f"{thing.__module__}.".startswith(f"{module}.") for module in modules))
        found[heading].append((name, thing))
    return found


def index():
    """The page that lists all others."""
    lines = [HEAD]
    for heading, members in groups().items():
        lines += [f"\n## {heading}\n\n| name | |\n|---|---|"]
        lines += [f"| [`{name}`]({name}.md) | {first_sentence(thing)} |" for name, thing in members]
    return "\n".join(lines) + "\n"


def explained_by(thing):
    """The function that one hands its ``**options`` to, and that its docstring names, as vgg19 does vgg; or None."""
    hands_on = inspect.isfunction(thing) and "options" in inspect.signature(thing).parameters
    named = hands_on and FUNCTION.search(thing.__doc__)
    return thing.__globals__.get(named[1]) if named else None


def first_sentence(thing):
    """The first sentence of a docstring, safe in a table of Markdown."""
    paragraph = " ".join(thing.__doc__.split("\n\n")[0].split())
    sentence = re.split(r"(?<=[.:]) +(?=[A-Z])", paragraph)[0].rstrip(":")
    return re.sub(r":\w+:`\.?(\w+)`", r"`\1`", sentence.replace("``", "`")).replace("|", "\\|").replace("<", "&lt;")


def page(name, thing):
    """The page of one name, for mkdocstrings to fill in. What all layers inherit is on the page of Layer alone."""
    from minicap import Layer

    inherits = isinstance(thing, type) and not issubclass(thing, Layer)
    called = explained_by(thing)
    more = f"\nWhat it calls, `{called.__name__}`:\n\n{inspect.getdoc(called)}\n" if called else ""
    return (f"---\ntitle: {name}\nhide: [toc]\n---\n\n::: {thing.__module__}.{thing.__name__}\n"
            f"    options:\n      inherited_members: {str(inherits).lower()}\n{more}")


def on_config(config):
    pages = {heading: [f"reference/{name}.md" for name, _ in members] for heading, members in groups().items()}
    config.nav = [{"Reference": ["reference/index.md", *({heading: paths} for heading, paths in pages.items())]}
                  if entry == {"Reference": "reference/index.md"} else entry for entry in config.nav]


def on_files(files, config):
    from mkdocs.structure.files import File

    files.append(File.generated(config, "reference/index.md", content=index()))
    for members in groups().values():
        for name, thing in members:
            files.append(File.generated(config, f"reference/{name}.md", content=page(name, thing)))


def on_page_content(content, page, config, files):
    """Sphinx's roles and the folders of lessons, as docstrings name them, become links."""
    here = page.file.src_uri
    if not here.startswith("reference/"):
        return content

    def named(match):
        name = match[1].rsplit(".", 1)[-1]
        target = files.get_file_from_path(f"reference/{name}.md")
        code = f"<code>{html.escape(name)}</code>"
        return f'<a href="{relative(target, page)}">{code}</a>' if target and target.src_uri != here else code

    def lesson(match):
        target = files.get_file_from_path(f"{match[0]}/README.md")
        return f'<a href="{relative(target, page)}">{match[0]}</a>' if target else match[0]

    content = LESSON.sub(lesson, ROLE.sub(named, content))
    content = content.replace(SOURCE, f"{SOURCE} data-search-exclude")  # a search finds what the docstrings say
    return content.replace(SOURCE, f"{SOURCE} open", 1)


def relative(target, page):
    return posixpath.relpath(target.url, page.url) + "/"
