"""The console in Chromium: how soon it is there, how soon it shows an event, and whether it stutters under many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from services.gateway.tests.console_stub import JOBS, Stub, serving
from tests.bench.report import Report, percentile

from queuebit import Client
from queuebit.credentials import find
from queuebit_testing.chromium import CHROMIUM, browser
from queuebit_testing.embedded import EmbeddedStack

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["measure_console", "measure_console_live"]

_PER_S, _SECONDS, _ROUNDS = 1_000, 5, 15
_BELL = Path(__file__).parents[2] / "examples" / "circuits" / "bell.qasm"

_OBSERVE = """
globalThis.seen = new Map(); globalThis.longest = 0; let last = performance.now();
const frame = (now) => { longest = Math.max(longest, now - last); last = now; requestAnimationFrame(frame); };
requestAnimationFrame(frame);
new MutationObserver(() => {
  for (const row of document.querySelectorAll(".long tbody tr")) {
    const key = row.textContent;
    if (!seen.has(key)) seen.set(key, [Date.now(), performance.now()]);
  }
}).observe(document, { childList: true, subtree: true, characterData: true });
"""
"""Notes when each content of a row was first there, and the longest frame."""


def measure_console(report: Report) -> None:
    """Report figures on made-up answers: 100,000 jobs and 1,000 events a second."""
    if not CHROMIUM:
        report.heading("The console: skipped. It needs Chromium: apt-get install chromium")
        return
    report.heading(f"The console in Chromium, {JOBS:,} jobs, made-up answers")
    with browser() as chromium:
        with serving(Stub()) as address:
            times = []
            for _ in range(_ROUNDS):
                page = _opened(chromium.new_page(), address)
                times.append(page.evaluate("Math.min(...[...seen.values()].map((it) => it[1]))"))
                page.close()
            report.add("jobs on the screen after the address", _spread(times), "floor: 500 ms")
        with serving(Stub(events_per_s=_PER_S)) as address:
            page = _opened(chromium.new_page(), address)
            page.wait_for_timeout(1_000)
            page.evaluate("longest = 0")
            for _ in range(_SECONDS * 10):
                page.evaluate("document.querySelector('.long').scrollTop += 400")
                page.wait_for_timeout(100)
            longest = page.evaluate("longest")
            report.add(f"longest frame, {_PER_S:,} events/s, scrolling", f"{longest:.0f} ms", "floor: 100 ms")


def measure_console_live(report: Report, stack: EmbeddedStack) -> None:
    """Report how soon the end of a job is on the screen after the time in its event."""
    if not CHROMIUM:
        return
    url = stack.ask("console", "--no-open")["url"]
    with browser() as chromium, Client(find(stack.home)) as client:
        page = chromium.new_page()
        page.goto(url)
        page.locator(".live.live").wait_for()
        page = _opened(page, url.partition("/console/")[0], rows=False)
        late = []
        for _ in range(_ROUNDS):
            job = client.submit(_BELL, shots=100)
            ended = job.until(("completed",)).time.timestamp() * 1_000
            mark = f"completed{job.id[:10]}"
            page.wait_for_function("mark => [...seen.keys()].some((it) => it.startsWith(mark))", arg=mark)
            shown = page.evaluate(
                "mark => Math.min(...[...seen].filter(([key]) => key.startsWith(mark)).map(([, it]) => it[0]))", mark
            )
            late.append(shown - ended)
    report.add("a job's end on the screen of the console, after its event", _spread(late), "floor: 300 ms")


def _opened(page: Page, address: str, *, rows: bool = True) -> Page:
    page.add_init_script(_OBSERVE)
    page.goto(f"{address}/console/jobs")
    page.locator(".live.live").wait_for()
    if rows:
        page.locator(".long tbody tr").first.wait_for()
    return page


def _spread(values: list[float]) -> str:
    return f"p50 {percentile(values, 0.5):.0f} ms, worst {max(values):.0f} ms"
