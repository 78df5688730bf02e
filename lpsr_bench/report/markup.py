"""Building HTML: every text is escaped by going through `text`, and the type checker sees one that does not."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import NewType

from lpsr_bench.report.style import CSS
from lpsr_bench.report.tables import Table

Html = NewType("Html", str)
"""Markup that may go onto a page as it is."""
_WIDE = 76
"""Letters from which a table needs the whole width of the page."""
_LONG = 30
"""Letters from which a cell may be broken into lines, though not after every word."""


def text(value: object) -> Html:
    """Any text, escaped; safe in content and in attributes."""
    return Html(escape(str(value)))


def tag(name: str, *content: Html, **attributes: object) -> Html:
    """An element.

    Args:
        name: of the element.
        content: between its two tags, each piece on a line of its own.
        attributes: an underscore stands for a hyphen, and one at the end for none (`class_`); escaped here.
    """
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{text(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{given}>{join(content)}</{name}>")


def image(source: str, **attributes: object) -> Html:
    """A picture; `alt` must be among the attributes."""
    given = "".join(f' {key}="{text(value)}"' for key, value in {"src": source, **attributes}.items())
    return Html(f"<img{given}>")


def join(parts: Iterable[Html]) -> Html:
    """Several pieces after each other."""
    return Html("\n".join(parts))


def table(content: Table) -> Html:
    """A table that scrolls by itself, with what has to be said below it."""
    kinds = [_kind(content, index) for index in range(len(content.head))]

    def heading(name: str, kind: str) -> Html:
        # An empty heading would be announced as one.
        return tag("th", text(name), scope="col", class_=kind) if name else tag("td")

    def line(cells: tuple[str, ...]) -> Html:
        first = tag("th", text(cells[0]), scope="row", class_=kinds[0])
        rest = (tag("td", text(cell), class_=kind) for cell, kind in zip(cells[1:], kinds[1:], strict=True))
        return tag("tr", first, *rest)

    head = tag("thead", tag("tr", *(heading(name, kind) for name, kind in zip(content.head, kinds, strict=True))))
    body = tag("tbody", *(line(row) for row in content.rows))
    title = capital(content.title)
    inner = tag("table", tag("caption", tag("span", text(title))), head, body)
    scroll = tag("div", inner, class_="scroll", tabindex=0, role="region", aria_label=title)
    below = (tag("p", said(line), class_="below") for line in content.lines)
    return tag("div", scroll, *below, class_="wide" if _letters(content) > _WIDE else "part")


def _kind(content: Table, index: int) -> str:
    """What a column holds, as the style sheet calls it."""
    if content.numeric(index):
        return "number"
    return "long" if max(len(row[index]) for row in content.rows) > _LONG else "word"


def said(sentence: str) -> Html:
    """A sentence whose `names` between backticks are set as such."""
    parts = capital(sentence).split("`")
    return Html("".join(tag("code", text(part)) if index % 2 else text(part) for index, part in enumerate(parts)))


def _letters(content: Table) -> int:
    """About how wide a table is, in letters, with the space between columns; headings go onto a second line."""
    words = [max(map(len, name.split()), default=0) for name in content.head]
    cells = [max(map(len, column), default=0) for column in zip(*content.rows, strict=True)]
    return sum(3 + max(pair) for pair in zip(words, cells, strict=True))


def page(title: str, *body: Html) -> Html:
    """A whole document that needs nothing else: no script, style, font or picture from elsewhere."""
    head = (
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        # Some browsers ask for an icon of their own accord; this one is empty.
        '<link rel="icon" href="data:,">',
        tag("title", text(title)),
        f"<style>{CSS}</style>",
    )
    inner = join([tag("head", *map(Html, head)), tag("body", tag("main", *body))])
    return Html(f'<!doctype html>\n<html lang="en">\n{inner}\n</html>\n')


def capital(sentence: str) -> str:
    """The same with a capital letter in front."""
    return sentence[:1].upper() + sentence[1:]
