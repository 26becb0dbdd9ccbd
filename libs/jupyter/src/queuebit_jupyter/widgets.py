"""The widgets. A page gets what they show; all that it can change is the name of the backend that a picker offers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets
from IPython.display import DisplayHandle, display

from queuebit_jupyter.offers import offers_html, offers_text
from queuebit_jupyter.views import View, meter_html, meter_text

__all__ = ["BackendPicker", "CostMeter", "JobCard"]

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

    def __init__(self, view: View) -> None:
        super().__init__(view=view)
        self._handles: list[DisplayHandle] = []

    def show(self, view: View) -> None:
        """Show another sum; a notebook that is saved then has it too."""
        if view != self.view:
            self.view = view
            for handle in self._handles:
                handle.update(self._repr_mimebundle_()[0], raw=True)  # type: ignore[no-untyped-call]

    def _ipython_display_(self) -> None:
        handle = display(self._repr_mimebundle_()[0], raw=True, display_id=True)  # type: ignore[no-untyped-call]
        if handle is not None:
            self._handles.append(handle)

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        shown: View = self.view
        return _bundle(self, meter_html(shown), meter_text(shown)), {}


class BackendPicker(anywidget.AnyWidget):
    """The backends for a circuit; `choice` is where cells without `--backend` run."""

    _esm = (_STATIC / "layout.js").read_text().replace("export ", "") + (_STATIC / "picker.js").read_text()
    _css = _STATIC / "style.css"
    view = traitlets.Dict().tag(sync=True)
    choice = traitlets.Unicode().tag(sync=True)
    """A name of `view`; empty where Queuebit chooses. Pages and cells set it."""
    used = traitlets.Unicode().tag(sync=True)
    """The choice that the kernel took over: a page whose kernel is gone sees that nothing answers."""

    @traitlets.validate("choice")
    def _offered(self, proposal: dict[str, Any]) -> str:
        choice: str = proposal["value"]
        names = {it["backend"] for rows in ("rows", "unfit") for it in self.view.get(rows, ())}
        if choice and choice not in names:
            raise traitlets.TraitError(f"there is no backend {choice}: `%qb_backends` lists backends")
        return choice

    @traitlets.observe("choice")
    def _take(self, change: dict[str, Any]) -> None:
        self.used = change["new"]

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        shown: View = self.view
        return _bundle(self, offers_html(shown, self.choice), offers_text(shown, self.choice)), {}


def _bundle(widget: anywidget.AnyWidget, html: str, text: str) -> dict[str, Any]:
    running = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"application/vnd.jupyter.widget-view+json": running, "text/html": html, "text/plain": text}
