"""Formulas become MathML while the site is built: a browser needs no script to show them.

The extension pymdownx.arithmatex finds them; what math-core does not understand fails the build.
"""

import html
import re

FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
PRIMED = re.compile(r"<msup>(<mi>[^<]*</mi>)<mo>([′″‴])</mo></msup>")


def on_page_content(content, page, config, files):
    from math_core import LatexToMathML

    convert = LatexToMathML(annotation=True, fancy_error=False).convert_with_local_state

    def mathml(match):
        tag, opening, formula = match.groups()
        found = convert(html.unescape(formula).strip(), displaystyle=opening == "[")
        found = PRIMED.sub(r'<mrow>\1<mo lspace="0" rspace="0">\2</mo></mrow>', found)  # raised already
        return f'<div class="formula">{found}</div>' if tag == "div" else found

    return FORMULA.sub(mathml, content)
