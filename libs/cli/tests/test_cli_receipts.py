"""`qb receipt verify FILE`: offline, and together with the result that it is the receipt of."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from queuebit_cli.main import main
from queuebit_kernel import digest, job_id
from queuebit_proof import (
    SALT_BYTES,
    JobRecord,
    KeyRing,
    TileLog,
    build_statement,
    entry_of,
    issue,
    seal,
    sign_checkpoint,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RESULT = b'{"00":500,"11":500}'


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """The command for a receipt of a completed job."""
    ring, log = KeyRing.open(tmp_path / "keys", "queuebit.example/log", NOON), TileLog(tmp_path / "log")
    record = JobRecord(
        tenant="acme",
        project="main",
        job=job_id("acme", "k1"),
        outcome="completed",
        request_digest=digest(b"request"),
        result_digest=digest(RESULT),
        software="queuebit",
        submitted_at=NOON,
        finished_at=NOON,
    )
    statement = build_statement(record, salt=bytes(SALT_BYTES))
    index = log.append([entry_of(statement)])
    checkpoint = sign_checkpoint(log.head(ring.origin), ring, NOON)
    receipt, trust = tmp_path / "receipt.json", tmp_path / "trust.json"
    receipt.write_bytes(
        issue(seal(statement, ring), leaf_index=index, inclusion=log.inclusion(index), checkpoint=checkpoint) + b"\n"
    )
    trust.write_bytes(ring.trust.to_bytes())
    return ["receipt", "verify", str(receipt), "--trust", str(trust), "--home", str(tmp_path / "none")]


@pytest.mark.parametrize("text", ['{"11": 500, "00": 500}\n', '{"00":500,"11":500}'])
def test_the_result_at_hand_is_the_one_that_was_signed(
    words: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "result.json").write_text(text)
    assert main([*words, "--result", str(tmp_path / "result.json"), "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert output["result_compared"] is True
    assert "your result is the signed result" in json.dumps(output)


def test_another_result_is_not_verified(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "result.json").write_text('{"00": 501, "11": 499}')
    assert main([*words, "--result", str(tmp_path / "result.json")]) == 1
    assert "your result differs from the signed result" in capsys.readouterr().err


@pytest.mark.parametrize("text", [None, "", "[1]", "{", '{"00": 0.5}'])
def test_what_is_no_result_is_bad_usage(
    words: list[str], text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (tmp_path / "result.json").write_text(text)
    assert main([*words, "--result", str(tmp_path / "result.json")]) == 2
    assert "result.json" in capsys.readouterr().err


def test_without_a_result_the_way_to_compare_it_is_reported(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "--result FILE" in printed
    assert "at 2026-01-01 12:00:00 UTC." in printed
