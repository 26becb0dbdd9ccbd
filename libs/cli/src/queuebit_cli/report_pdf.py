"""A cost report as PDF, by ReportLab: the same sections as the HTML, with the same numbers."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any, Final

from queuebit_cli.report_data import Chart, Report, Section, shown
from queuebit_cli.report_html import LEFT
from queuebit_stack.errors import Exit, Stop

__all__ = ["report_pdf"]

_WIDTH: Final = 503
"""Of the text on a page of A4, in points."""
_LABELS, _FIGURES, _ROW, _COLUMNS_HEIGHT = 120, 90, 15, 90
_BLUE, _GREY, _LINE = "#2f6fb3", "#57606a", "#d8dee4"


def report_pdf(report: Report) -> bytes:
    """The file, in A4.

    Raises:
        Stop: ReportLab is not installed.
    """
    try:
        from reportlab.lib.pagesizes import A4
        from reportlab.platypus import Paragraph, SimpleDocTemplate

        import queuebit_billing.pdf_fonts  # noqa: F401  # its font is of the same extra
    except ImportError:
        text = (
            "a report as PDF needs its packages: `pip install 'queuebit-cli[pdf]'`, or use --format html and print it"
        )
        raise Stop(Exit.USAGE, text) from None
    styles = _styles()
    period = f"{report.period.since:%Y-%m-%d} to {report.period.until:%Y-%m-%d} (not included), UTC"
    note = (
        f"{period}. Made at {report.made_at:%Y-%m-%d %H:%M} UTC. List prices; exact amounts are in the report as CSV."
    )
    flow: list[Any] = [Paragraph(_safe(report.title), styles["h1"]), Paragraph(_safe(note), styles["note"])]
    for section in report.sections:
        flow += _section(section, styles)
    if not report.sections:
        flow.append(Paragraph("There are no charges in this period.", styles["note"]))
    file = io.BytesIO()
    document = SimpleDocTemplate(
        file, pagesize=A4, leftMargin=40, rightMargin=40, topMargin=44, bottomMargin=44, title=_safe(report.title),
        author="Queuebit", invariant=1,
    )  # fmt: skip
    document.build(flow, onFirstPage=_number, onLaterPages=_number)
    return file.getvalue()


def _styles() -> dict[str, Any]:  # ReportLab has no types
    from reportlab.lib.colors import HexColor
    from reportlab.lib.styles import ParagraphStyle

    text = ParagraphStyle("text", fontName="Helvetica", fontSize=8, leading=10)
    return {
        "text": text,
        "number": ParagraphStyle("number", text, alignment=2),
        "h1": ParagraphStyle("h1", text, fontName="Helvetica-Bold", fontSize=17, leading=22),
        "h2": ParagraphStyle("h2", text, fontName="Helvetica-Bold", fontSize=11, leading=15, spaceBefore=12),
        "note": ParagraphStyle("note", text, textColor=HexColor(_GREY), spaceAfter=4),
    }


def _safe(text: str) -> str:
    """Text for a paragraph: markup escaped, each language in a font that has it."""
    from queuebit_billing.pdf_fonts import marked_up

    return marked_up(text)


def _number(canvas: Any, document: Any) -> None:  # ReportLab has no types
    canvas.setFont("Helvetica", 7)
    canvas.drawRightString(46 + _WIDTH, 26, f"page {document.page}")


def _section(section: Section, styles: dict[str, Any]) -> list[Any]:
    from reportlab.platypus import CondPageBreak, Paragraph

    flow: list[Any] = [CondPageBreak(110), Paragraph(_safe(section.title), styles["h2"])]
    if section.note:
        flow.append(Paragraph(_safe(section.note), styles["note"]))
    flow += [_columns(it) if it.by_time else _bars(it) for it in section.charts]
    return [*flow, _table(section, styles)]


def _table(section: Section, styles: dict[str, Any]) -> Any:
    from reportlab.lib.colors import HexColor
    from reportlab.platypus import Paragraph, Table

    kinds = ["text" if it in LEFT else "number" for it in section.columns]
    head = [
        Paragraph(f"<b>{_safe(it.replace('_', ' '))}</b>", styles[kind])
        for it, kind in zip(section.columns, kinds, strict=True)
    ]
    rows = [
        [
            Paragraph(_safe(it if kind == "text" else shown(it)), styles[kind])
            for it, kind in zip(row, kinds, strict=True)
        ]
        for row in section.rows
    ]
    lengths = [
        min(max([len(name), *(len(row[at]) for row in section.rows)]), 34) + 4
        for at, name in enumerate(section.columns)
    ]
    widths = [_WIDTH * it / sum(lengths) for it in lengths]
    style = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, HexColor(_LINE)),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 3),
        ("RIGHTPADDING", (0, 0), (-1, -1), 3),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ]
    return Table([head, *rows], colWidths=widths, repeatRows=1, style=style)


def _bars(chart: Chart) -> Any:
    """Horizontal bars, as in the HTML."""
    from reportlab.graphics.shapes import Drawing, Rect, String
    from reportlab.lib.colors import HexColor

    height, room, largest = len(chart.bars) * _ROW, _WIDTH - _LABELS - _FIGURES, _scale(chart)
    drawing = Drawing(_WIDTH, height + 4)
    for number, (label, amount) in enumerate(chart.bars):
        y, wide = height - (number + 1) * _ROW, float(max(amount, Decimal(0)) / largest) * room
        name = label if len(label) <= 24 else f"{label[:21]}..."
        drawing.add(String(_LABELS - 5, y + 4, _plain(name), fontSize=8, textAnchor="end"))
        drawing.add(Rect(_LABELS, y + 2, wide, _ROW - 5, fillColor=HexColor(_BLUE), strokeColor=None))
        drawing.add(String(_LABELS + wide + 4, y + 4, f"{shown(amount)} {_plain(chart.currency)}", fontSize=8))
    return drawing


def _columns(chart: Chart) -> Any:
    """Vertical bars in time, as in the HTML."""
    from reportlab.graphics.shapes import Drawing, Line, Rect, String
    from reportlab.lib.colors import HexColor

    largest, step = _scale(chart), _WIDTH / max(len(chart.bars), 7)
    every = max(1, round(55 / step))
    drawing = Drawing(_WIDTH, _COLUMNS_HEIGHT + 16)
    drawing.add(String(0, _COLUMNS_HEIGHT + 6, f"{shown(largest)} {_plain(chart.currency)}", fontSize=8))
    for number, (label, amount) in enumerate(chart.bars):
        high = float(max(amount, Decimal(0)) / largest) * (_COLUMNS_HEIGHT - 16)
        drawing.add(Rect(number * step, 14, max(step - 2, 0.5), high, fillColor=HexColor(_BLUE), strokeColor=None))
        if number % every == 0:
            x, anchor = (number * step, "start") if number * step < _WIDTH - 40 else ((number + 1) * step - 2, "end")
            drawing.add(String(x, 3, _plain(label), fontSize=7, textAnchor=anchor))
    drawing.add(Line(0, 14, _WIDTH, 14, strokeColor=HexColor(_GREY), strokeWidth=0.5))
    return drawing


def _scale(chart: Chart) -> Decimal:
    return max([amount for _, amount in chart.bars if amount > 0], default=Decimal(1))


def _plain(text: str) -> str:
    """Text for a drawing, which knows no markup."""
    return text.encode("cp1252", "replace").decode("cp1252")
