"""A folder of documents becomes what is in force, whole, recorded, and never over a change that it did not see."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]


def test_documents_from_their_export_to_their_history(stack: EmbeddedStack, circuits: Path, tmp_path: Path) -> None:
    folder, plans = tmp_path / "config", [str(tmp_path / f"plan{number}.json") for number in range(2)]
    stack.qb("export", str(folder))
    assert stack.ask("apply", "-f", str(folder), "--prune", "--dry-run")["changes"] == []

    stack.qb("tenant", "add", "written", "--budget", "1")
    assert stack.ask("apply", "-f", str(folder), "--dry-run")["kept"] != [], "the folder is older"
    stack.qb("export", str(folder))
    text = (folder / "tenants.toml").read_text()
    wanted = re.sub(r'(?<=\[tenant\.written\.project\.main\]\nbudget = )"1"', '"7.50"', text)
    (folder / "tenants.toml").write_text(wanted)
    (folder / "services.toml").write_text("[service.scheduler]\nplaces_per_slot = 15\n")
    for plan in plans:
        stack.qb("apply", "-f", str(folder), "--dry-run", "--plan", plan, accept=(5,))

    both = [
        subprocess.Popen(stack.argv("apply", "--plan", it, "--by", f"ci{number}"), stdout=-3, stderr=-1, text=True)
        for number, it in enumerate(plans)
    ]
    said = [it.communicate(timeout=60)[1] for it in both]
    assert sorted(it.returncode for it in both) == [0, 3], said
    assert any("changed since" in it for it in said)

    *_, record = stack.ask("apply", "--history")
    (winner,) = (number for number, it in enumerate(both) if it.returncode == 0)
    assert (record["by"], record["commit"]) == (f"ci{winner}", None)
    assert [(it["action"], it["name"], it["fields"].get("budget")) for it in record["changes"]] == [
        ("change", "tenant.written.project.main", ["1", "7.50"]),
        ("create", "service.scheduler", None),
    ]
    assert stack.ask("apply", "-f", str(folder), "--prune", "--dry-run")["changes"] == []
    (done,) = stack.submit(str(circuits / "bell.qasm"), "--tenant", "written")
    assert done["state"] == "completed"
