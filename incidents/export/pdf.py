"""As a PDF on A4, with fonts of its own: Latin, Greek and Cyrillic. Other scripts show as boxes; the
Markdown has them all."""

import logging
from functools import cache
from importlib.resources import files

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from incidents.export.document import Document, Line

FONT = "Roboto"
MARGIN, INDENT = 18, 5
BODY, SMALL, HEAD, TITLE = 10, 8.5, 13, 18
GREY, BLACK = (90, 90, 90), (20, 20, 20)
LINE = 5
# They tell of each glyph that a font lacks, and of each table of it that is left out.
for _name in ("fpdf", "fontTools"):
    logging.getLogger(_name).setLevel(logging.ERROR)


@cache
def _font(style: str) -> str:
    return str(files("font_roboto") / "files" / f"Roboto-{style}.ttf")


class _Page(FPDF):
    foot = ""

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font(FONT, size=SMALL)
        self.set_text_color(*GREY)
        width = self.epw / 2
        self.cell(width, LINE, self.foot)
        self.cell(width, LINE, f"{self.page_no()} / {{nb}}", align="R")


def write(document: Document) -> bytes:
    page = _Page(format="A4")
    page.foot = document.foot
    page.set_title(document.title)
    page.set_creator("Vigil")
    page.set_margin(MARGIN)
    page.set_auto_page_break(auto=True, margin=MARGIN)
    for style, file in (("", "Regular"), ("B", "Bold")):
        page.add_font(FONT, style, _font(file))
    page.add_page()
    _text(page, document.title, size=SMALL, colour=GREY)
    _text(page, document.subtitle, size=TITLE, style="B")
    page.ln(2)
    _facts(page, document.facts)
    for title, said in document.sections:
        _heading(page, title)
        for line in said if isinstance(said, list) else [Line(said, -1)]:
            _line(page, line)
    _heading(page, "Action items")
    for item in document.items:
        meta = f"{item.owner}, until {item.due_on.isoformat()} · {item.kind} · {item.state}"
        _entry(page, meta, item.text)
    if not document.items:
        _line(page, Line("None.", -1))
    _heading(page, "Timeline")
    for when, who, text in document.timeline:
        _entry(page, f"{when} · {who}", text)
    return bytes(page.output())


def _text(
    page: FPDF, text: str, *, size: float, style: str = "", colour: tuple[int, int, int] = BLACK
) -> None:
    page.set_font(FONT, style, size)
    page.set_text_color(*colour)
    page.multi_cell(0, size / 2, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _heading(page: FPDF, text: str) -> None:
    # A heading stays with the first lines below it.
    if page.will_page_break(HEAD + 3 * LINE):
        page.add_page()
    page.ln(4)
    _text(page, text, size=HEAD, style="B")
    page.ln(1)


def _line(page: FPDF, line: Line) -> None:
    """A paragraph, or one of a list: a dash, and what it says beside it."""
    page.set_font(FONT, size=BODY)
    page.set_text_color(*BLACK)
    left = page.l_margin + (line.depth * INDENT if line.depth > 0 else 0)
    page.set_x(left)
    if line.depth >= 0:
        page.cell(INDENT, LINE, "–")
    page.multi_cell(0, LINE, line.text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _facts(page: FPDF, facts: list[tuple[str, str]]) -> None:
    for name, value in facts:
        page.set_font(FONT, size=BODY)
        page.set_text_color(*GREY)
        page.cell(40, LINE, name)
        page.set_text_color(*BLACK)
        page.multi_cell(0, LINE, value, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _entry(page: FPDF, meta: str, text: str) -> None:
    """No table: a text may be longer than a page."""
    if page.will_page_break(3 * LINE):
        page.add_page()
    _text(page, meta, size=SMALL, colour=GREY)
    _line(page, Line(text, -1))
    page.ln(1.5)
