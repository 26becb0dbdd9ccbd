"""The example notebook in a real kernel, on a real stack: cells are jobs, and a saved notebook shows how they ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

NOTEBOOK = Path(__file__).parents[2] / "examples" / "jupyter" / "bell.ipynb"


def test_the_notebook_runs_and_pays_once(
    stack: EmbeddedStack, tenant: str, in_home: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUEUEBIT_CREDENTIAL", str(stack.home / "credentials" / f"{tenant}-me.toml"))
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=90, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    outputs = {cell["id"]: cell.get("outputs", []) for cell in notebook.cells}

    assert text(outputs["result"][0]).startswith("{")
    assert "receipt at entry" in outputs["money"][0]["text"]
    assert outputs["same"][0]["text"] == "True\n", "the same cell is the same job"
    for cell in ("bell", "again"):
        assert "application/vnd.jupyter.widget-view+json" in outputs[cell][0]["data"]
    assert "completed" in text(outputs["again"][0])
    assert "<td>sealed</td>" in outputs["again"][0]["data"]["text/html"]
    assert "1 job, 0 not billed yet" in text(outputs["sum"][0])
    assert len(stack.ask("jobs", "--tenant", tenant)) == 1


def text(output: Any) -> str:
    return str(output["data"]["text/plain"])
