"""A real JupyterLab in Chromium, on a real stack: the card, the meter and the picker as a user sees them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from queuebit_testing.chromium import browser, findings, needs_chromium, watched
from queuebit_testing.embedded import EmbeddedStack

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

JUPYTER = Path(os.environ.get("QUEUEBIT_JUPYTERLAB") or Path(__file__).parents[2] / ".jupyter") / "bin"
"""Of a virtual environment with JupyterLab; the kernel runs in that of the tests."""

pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.timeout(240),
    needs_chromium,
    pytest.mark.skipif(not (JUPYTER / "jupyter-lab").exists(), reason="needs JupyterLab: run `make jupyter`"),
]

BELL = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;"""
LOAD, OFFER, RUN = (
    "%load_ext queuebit_jupyter\n%qb_meter",
    f"%%qb_backends --shots 200\n{BELL}",
    f"%%qb --shots 200\n{BELL}",
)
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
"""JupyterLab asks nothing outside of this machine, and draws all cells."""


def test_cells_in_jupyterlab(
    stack: EmbeddedStack, tenant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUEUEBIT_CREDENTIAL", str(stack.home / "credentials" / f"{tenant}-me.toml"))
    notebook = _notebook(tmp_path / "notebooks" / "cells.ipynb")
    log: list[str] = []

    with _jupyterlab(tmp_path) as url, browser() as chromium:
        page = watched(chromium.new_page(viewport={"width": 1100, "height": 1400}), log)
        page.set_default_timeout(60_000)
        page.goto(url)
        page.get_by_text("Queuebit | Idle").wait_for()
        _run_all(page)
        card, meter = page.get_by_role("region", name="Queuebit job"), page.locator(".qb-meter")
        card.get_by_text("✓ receipt sealed").wait_for()
        assert card.locator(".qb-state").inner_text() == "completed"
        meter.get_by_text("1 job, 0 not billed yet").wait_for()
        first = _fact(card, "Job")
        assert _below(card, "dt", "dd"), "the styles of JupyterLab leave the card as it is"

        chosen = _choose(page, 3)
        _run_all(page)
        card.get_by_text(chosen, exact=True).wait_for()
        card.get_by_text("✓ receipt sealed").wait_for()
        assert _fact(card, "Job") != first
        meter.get_by_text("2 jobs, 0 not billed yet").wait_for()

        _command(page, "apputils:change-theme", theme="JupyterLab Dark")
        page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
        assert findings(page, ".qb-card") == []

        page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
        _run_all(page)
        card.get_by_text(first).wait_for()
        meter.get_by_text("1 job, 0 not billed yet").wait_for()
        assert len(stack.ask("jobs", "--tenant", tenant)) == 2, "the new kernel found the job of the former one"

        _command(page, "docmanager:save")
        page.locator(".jp-mod-dirty").wait_for(state="detached")
        assert [it for it in log if it.startswith("error")] == []

        _read_without_widgets(page, notebook)


def _read_without_widgets(page: Page, notebook: Path) -> None:
    """The saved notebook as `nbconvert` writes it."""
    subprocess.run([JUPYTER / "jupyter-nbconvert", "--to", "html", notebook], check=True, capture_output=True)
    page.route(re.compile("^https:"), lambda it: it.abort())  # the template of nbconvert asks for scripts
    page.goto(f"file://{notebook.with_suffix('.html')}")
    page.get_by_role("columnheader", name="costs up to").wait_for()
    assert page.get_by_role("row", name="receipt sealed").is_visible()
    assert page.get_by_text("1 job, 0 not billed yet").is_visible()


def _choose(page: Page, steps: int) -> str:
    """Go down in the picker with the keyboard, which JupyterLab uses too; return what the kernel took over."""
    picker = page.get_by_role("region", name="Backends")
    picker.get_by_role("radio", name="Queuebit chooses").focus()
    for _ in range(steps):
        page.keyboard.press("ArrowDown")
    chosen = picker.locator("input:checked:focus").get_attribute("value") or ""
    picker.get_by_role("status").get_by_text(f"run on {chosen}.").wait_for()
    return chosen


def _below(card: Locator, upper: str, lower: str) -> bool:
    above, below = card.locator(upper).first.bounding_box(), card.locator(lower).first.bounding_box()
    return above is not None and below is not None and above["y"] + above["height"] <= below["y"]


def _notebook(path: Path) -> Path:
    cells = [new_code_cell(it) for it in (LOAD, OFFER, RUN)]  # type: ignore[no-untyped-call]
    kernel = {"name": "queuebit", "display_name": "Queuebit"}
    path.parent.mkdir()
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)  # type: ignore[no-untyped-call]
    return path


def _fact(card: Locator, name: str) -> str:
    return card.locator(f"div:has(> dt:text-is('{name}')) dd").inner_text()


def _command(page: Page, name: str, **words: str) -> None:
    """Run a command as a menu of JupyterLab does."""
    page.evaluate("([name, words]) => void jupyterapp.commands.execute(name, words)", [name, words])


def _run_all(page: Page) -> None:
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")


@contextmanager
def _jupyterlab(folder: Path) -> Iterator[str]:
    """JupyterLab on loopback, with a kernel in the environment of the tests; the address of its notebook."""
    data, settings = folder / "data", folder / "settings"
    kernel = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Queuebit",
    }
    _write(data / "kernels" / "queuebit" / "kernel.json", {**kernel, "language": "python"})
    for name, values in SETTINGS.items():
        _write(settings / "@jupyterlab" / f"{name}.jupyterlab-settings", values)
    places = {
        "JUPYTER_DATA_DIR": data,
        "JUPYTERLAB_SETTINGS_DIR": settings,
        "JUPYTERLAB_WORKSPACES_DIR": folder / "workspaces",
        "JUPYTER_CONFIG_DIR": folder / "config",
        "JUPYTER_RUNTIME_DIR": folder / "runtime",
        "IPYTHONDIR": folder / "ipython",
    }
    words = ["--no-browser", "--allow-root", "--expose-app-in-browser", "--ip=127.0.0.1", "--port=0"]
    argv = [str(JUPYTER / "jupyter-lab"), *words, f"--notebook-dir={folder / 'notebooks'}"]
    environment = os.environ | {name: str(value) for name, value in places.items()}
    server = subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        yield _address(server.stderr)
    finally:
        server.terminate()
        server.wait()


def _address(log: IO[str]) -> str:
    """Wait for the address in the log of the server."""
    lines = []
    for line in log:
        lines.append(line)
        if found := re.search(r"(http://127\.0\.0\.1:\d+)/lab\?(token=\w+)", line):
            Thread(target=log.read, daemon=True).start()  # a full pipe would stop the server
            return f"{found[1]}/lab/tree/cells.ipynb?{found[2]}"
    raise AssertionError(f"JupyterLab did not start: {''.join(lines)}")


def _write(path: Path, values: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
