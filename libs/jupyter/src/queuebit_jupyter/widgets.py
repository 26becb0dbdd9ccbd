"""The two widgets. A page gets what they show, and nothing that could ask or pay for anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from queuebit_jupyter.views import View, meter_html, meter_text

__all__ = ["CostMeter", "JobCard"]

_STATIC = Path(__file__).parent / "static"


class JobCard(anywidget.AnyWidget):
    """Timeline, counts, charge and receipt of one job."""

    _esm = _STATIC / "card.js"
    _css = _STATIC / "style.css"
    view = traitlets.Dict().tag(sync=True)

    def bundle(self, html: str, text: str) -> dict[str, Any]:
        """The widget for pages that have one, and `html` and `text` for all others."""
        return _bundle(self, html, text)


class CostMeter(anywidget.AnyWidget):
    """The sum of a notebook's jobs."""

    _esm = _STATIC / "meter.js"
    _css = _STATIC / "style.css"
    view = traitlets.Dict().tag(sync=True)

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        shown: View = self.view
        return _bundle(self, meter_html(shown), meter_text(shown)), {}


def _bundle(widget: anywidget.AnyWidget, html: str, text: str) -> dict[str, Any]:
    running = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"application/vnd.jupyter.widget-view+json": running, "text/html": html, "text/plain": text}
