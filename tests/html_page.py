"""A parser of HTML pages: tags are balanced, and their contents are available to tests."""

from html.parser import HTMLParser

VOID = {"meta", "img", "br", "link", "source"}


class Page(HTMLParser):
    """``count(tag)``, ``text``, ``alts`` (of pictures), ``heats`` and ``lines`` (data-heat and data-line attributes)
    and ``addresses`` (whatever it would load or link)."""

    def __init__(self, source):
        super().__init__()
        self.open, self.tags, self.texts, self.heats, self.lines, self.addresses = [], [], [], [], [], []
        self.alts = []
        self.feed(source)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.heats += [value for name, value in attributes if name == "data-heat"]
        self.lines += [value for name, value in attributes if name == "data-line"]
        self.addresses += [value for name, value in attributes if name in ("src", "srcset", "href", "data-heat")]
        self.alts += [dict(attributes).get("alt")] * (tag == "img")

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        self.texts.append(data)

    def count(self, tag):
        return self.tags.count(tag)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())
