"""The widgets' modules in Chromium, with a small model in the place of a notebook's."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import queuebit_jupyter
from queuebit import Money
from queuebit_jupyter import BackendPicker, Ledger
from queuebit_jupyter.offers import offers_view
from queuebit_jupyter.views import View, card_view, meter_view
from queuebit_testing.chromium import browser, findings, needs_chromium, watched

from .test_jupyter_offers import ASKED, BACKENDS, JOBS, MAP, PLAN
from .test_jupyter_views import DONE, RESULT

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.server, needs_chromium]

STATIC = Path(queuebit_jupyter.__file__).parent / "static"
PAGE = """<!doctype html><html lang="en"><title>Cells</title><style>{style}
:root {{ color-scheme: light dark }}
body {{ background: Canvas; color: CanvasText }}</style><main><h1>Cells</h1><div id="cell"></div></main></html>"""
SHOW = """async ([source, view]) => {
  const { default: { render } } = await import(source);
  const listeners = new Set();
  const traits = { view, choice: "", used: "" };
  const tell = () => listeners.forEach((it) => it());
  const model = { get: (name) => traits[name], set: (name, value) => { traits[name] = value; }, save_changes: tell,
    on: (_, it) => listeners.add(it), off: (_, it) => listeners.delete(it) };
  const stop = render({ model, el: document.getElementById("cell") });
  globalThis.change = (now) => { traits.view = now; tell(); };
  globalThis.answer = () => { traits.used = traits.choice; tell(); };
  globalThis.remove = () => { stop(); return listeners.size; };
}"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as chromium:
        yield chromium.new_page(viewport={"width": 800, "height": 500})


def show(page: Page, module: str, view: View) -> None:
    page.set_content(PAGE.format(style=(STATIC / "style.css").read_text()))
    source = b64encode(
        (BackendPicker._esm if module == "picker.js" else (STATIC / module).read_text()).encode()
    ).decode()
    page.evaluate(SHOW, [f"data:text/javascript;base64,{source}", view])


def test_a_card_is_drawn_again_when_its_job_moves(page: Page) -> None:
    log: list[str] = []
    watched(page, log)
    show(page, "card.js", {**card_view(DONE), "state": "started"})
    card = page.get_by_role("region", name="Queuebit job")
    assert card.locator(".qb-state").inner_text() == "started"
    assert card.get_by_role("row").count() == 0
    page.evaluate("(view) => change(view)", {**card_view(DONE, RESULT), "sealed": True})
    assert card.locator(".qb-state").inner_text() == "completed"
    assert card.locator("strong").inner_text() == "<b>bell</b>", "labels are text"
    assert [row.split() for row in card.get_by_role("row").all_inner_texts()] == [
        ["00", "600", "60.0%"],
        ["11", "400", "40.0%"],
    ]
    assert card.get_by_text("✓ receipt sealed").is_visible()
    assert card.get_by_text("0.01 USD").is_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert findings(page) == []
    assert page.evaluate("remove()") == 0
    assert log == []


def test_a_meter_shows_the_sum_and_its_cap(page: Page) -> None:
    ledger = Ledger(Money.of("0.04"))
    show(page, "meter.js", meter_view(ledger))
    meter = page.get_by_role("region", name="Cost of this notebook")
    ledger.add("j1", None)
    ledger.note(DONE)
    page.evaluate("(view) => change(view)", meter_view(ledger))
    assert meter.locator(".qb-sum").inner_text() == "0.01 USD of 0.04 USD"
    assert page.evaluate("document.querySelector('meter').value") == 0.25
    assert meter.get_by_text("1 job, 0 not billed yet").is_visible()


def test_a_picker_says_what_the_kernel_took_over(page: Page) -> None:
    show(page, "picker.js", offers_view(ASKED, BACKENDS, PLAN, JOBS, {"manila": MAP}))
    picker = page.get_by_role("region", name="Backends")
    said = picker.get_by_role("status")
    assert said.inner_text() == "Queuebit chooses for cells without --backend."
    picker.get_by_role("radio", name="manila").check()
    assert said.inner_text().startswith("manila is not confirmed by the kernel")
    page.evaluate("answer()")
    assert said.inner_text().startswith("Cells without --backend run on manila.")
    assert picker.get_by_role("radio", name="manila").is_checked()
    assert "Two-qubit error from 1.00% to 1.00%" in picker.get_by_role("figure").inner_text()
    picker.get_by_text("1 of the backends cannot run it").click()
    assert picker.get_by_text("aer: <b>too large</b>").is_visible(), "reasons are text"
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert findings(page) == []
    assert page.evaluate("remove()") == 0
