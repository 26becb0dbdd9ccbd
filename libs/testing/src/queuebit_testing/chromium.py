"""Chromium for tests of the console, and what every page must keep: an empty log, and no serious finding of axe."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["CHROMIUM", "browser", "findings", "needs_chromium", "watched"]

CHROMIUM = os.environ.get("QUEUEBIT_CHROMIUM") or shutil.which("chromium") or ""
_AXE = Path(__file__).parent / "axe" / "axe.min.js"

needs_chromium = pytest.mark.skipif(
    not CHROMIUM, reason="needs Chromium: apt-get install chromium, or set QUEUEBIT_CHROMIUM to its path"
)


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # inside a container Chromium has no namespaces of its own; the pages are ours alone
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield chromium
        finally:
            chromium.close()


def watched(page: Page, log: list[str]) -> Page:
    """Write down what the browser logs about a page, and each error in it."""
    page.on("console", lambda it: log.append(f"{it.type}: {it.text} ({it.location.get('url', '')})"))
    page.on("pageerror", lambda it: log.append(f"error: {it}"))
    page.set_default_timeout(10_000)
    return page


def findings(page: Page, part: str = "html") -> list[str]:
    """The serious and critical findings of axe on the page as it is now, or on parts that a selector names."""
    if not page.evaluate("'axe' in globalThis"):
        page.evaluate(_AXE.read_text())  # by the debugger, which the policy of the page does not concern
    passed, found = page.evaluate("(part) => axe.run(part).then((it) => [it.passes.length, it.violations])", part)
    assert passed > 10, "axe checked next to nothing"
    grave = [it for it in found if it["impact"] in ("serious", "critical")]
    return [
        f"{it['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for it in grave
        for node in it["nodes"][:2]
    ]
