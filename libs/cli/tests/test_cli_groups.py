"""Groups on the command line: totals, and a file with the receipts of all jobs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from queuebit_cli import groups
from queuebit_cli.groups import total_line
from queuebit_cli.main import main
from queuebit_proof import Member, build_group
from queuebit_testing.receipts import NOW, issued, new_ring


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """The command that verifies the receipts of a tag; a third job has none yet."""
    ring = new_ring(tmp_path)
    members = [Member(job, "completed", receipt) for job, receipt in issued(ring, "j1", "j2").items()]
    content = build_group("acme", "tag", "h2", [*members, Member("j3", "started")], made_at=NOW, as_of=7)
    (tmp_path / "h2.json").write_bytes(content + b"\n")
    (tmp_path / "trust.json").write_bytes(ring.trust.to_bytes())
    return ["receipt", "verify", str(tmp_path / "h2.json"), "--trust", str(tmp_path / "trust.json")]


def test_the_receipts_of_a_group_verify_offline(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ok  2 receipts of tag h2 of tenant acme: all verify",
        "ok  none is missing, altered, or of another group, by the manifest that was made 2026-01-01T12:00:00.000000Z",
        "ok  0.20 USD charged: the sum over the signed statements",
        "1 job had no receipt when it was made: j3",
    ]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["verified"], found["receipts"], found["without"], found["charged"]) == (
        True,
        2,
        ["j3"],
        {"USD": "0.20"},
    )


def test_a_missing_receipt_is_named(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(words[2])
    document = json.loads(file.read_bytes())
    document["receipts"].pop()
    file.write_text(json.dumps(document, separators=(",", ":"), sort_keys=True))
    assert main([*words, "--json"]) == 1
    assert [(it["fault"], it["job"]) for it in json.loads(capsys.readouterr().out)["faults"]] == [("missing", "j2")]


def test_no_more_is_read_than_the_largest_group_needs(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(groups, "_LARGEST", 1 << 10)
    assert main(words) == 2
    assert "has more than 0 MiB" in capsys.readouterr().err


@pytest.mark.parametrize("more", [[], ["latest", "--tag", "h2"]])
def test_a_receipt_is_of_a_job_or_of_a_group(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["receipt", "get", *more]) == 2
    assert "name one job, or a group: --tag T, --session S or --workflow W" in capsys.readouterr().err


def test_the_totals_of_a_group_are_one_line() -> None:
    row = {"kind": "tag", "name": "h2", "jobs": 1200, "states": {"completed": 1199, "started": 1}}
    assert total_line({**row, "charged": {"EUR": "0.20", "USD": "0.30"}, "held": {"USD": "0.01"}}) == (
        "tag h2: 1,200 jobs (1,199 completed, 1 started), 0.20 EUR + 0.30 USD charged, 0.01 USD held"
    )
    one = {**row, "jobs": 1, "states": {"rejected": 1}, "charged": {}, "held": {}}
    assert total_line(one) == "tag h2: 1 job (1 rejected), 0.00 charged"
