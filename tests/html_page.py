"""A parser of HTML pages: tags are balanced, and their contents are available to tests."""

from html.parser import HTMLParser

VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """``count(tag)``, ``text``, ``masks`` (data-mask attributes) and ``addresses`` (whatever it would load or link)."""

    def __init__(self, source):
        super().__init__()
        self.open, self.tags, self.texts, self.masks, self.addresses = [], [], [], [], []
        self.feed(source)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.masks += [value for name, value in attributes if name == "data-mask"]
        self.addresses += [value for name, value in attributes if name in ("src", "href", "data-mask")]

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
