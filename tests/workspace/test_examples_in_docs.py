"""Examples in the documentation that a reader copies: what they need exists, or comes before them."""

from __future__ import annotations

import re
from pathlib import Path

from queuebit_ci.policy import read_policy

DOCS = Path(__file__).parents[2] / "docs"


def test_the_policy_of_the_page_about_ci_needs_no_project_that_a_new_stack_does_not_have(tmp_path: Path) -> None:
    (policy,) = re.findall(r"```toml\n(circuits = .*?)```", (DOCS / "ci.md").read_text(), re.DOTALL)
    (tmp_path / "queuebit-ci.toml").write_text(policy)
    assert read_policy(tmp_path / "queuebit-ci.toml").run.project is None


def test_commands_of_the_page_about_the_gateway_have_their_values() -> None:
    lines = [it[4:] for it in (DOCS / "gateway.md").read_text().splitlines() if it.startswith("    ")]
    known = {"HOME", "INVOCATION_ID"}  # of every shell, and of a unit of systemd
    for line in lines:
        known |= set(re.findall(r"^([A-Z_]+)=", line))
        used = set(re.findall(r"\$\{?([A-Z_]+)", re.sub(r"^([A-Z_]+)=", "", line)))
        assert used <= known, f"{line}: nothing before it sets {', '.join(sorted(used - known))}"
    assert not [it for it in lines if '"..."' in it]
