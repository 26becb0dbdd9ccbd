"""`qb receipt verify FILE`: offline, and together with the result that it is the receipt of."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from queuebit_cli.main import main
from queuebit_contracts.job import JobSealed
from queuebit_proof import issue


@pytest.fixture
def words(recording, tmp_path: Path) -> list[str]:
    """The command for a receipt of a completed job."""
    seal = recording.events[recording.find(JobSealed, "k1")].data
    receipt, trust = tmp_path / "receipt.json", tmp_path / "trust.json"
    inclusion = [base64.b64decode(node) for node in seal.inclusion]
    envelope = base64.b64decode(seal.envelope)
    receipt.write_bytes(
        issue(envelope, leaf_index=seal.leaf_index, inclusion=inclusion, checkpoint=seal.checkpoint) + b"\n"
    )
    trust.write_bytes(recording.ring.trust.to_bytes())
    return ["receipt", "verify", str(receipt), "--trust", str(trust), "--home", str(tmp_path / "none")]


@pytest.mark.parametrize("text", ['{"11": 500, "00": 500}\n', '{"00":500,"11":500}'])
def test_the_result_at_hand_is_the_one_that_was_signed(
    words: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "result.json").write_text(text)
    assert main([*words, "--result", str(tmp_path / "result.json"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["result_compared"] is True
    assert "the result at hand is the one that was signed" in json.dumps(told)


def test_another_result_is_not_verified(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "result.json").write_text('{"00": 501, "11": 499}')
    assert main([*words, "--result", str(tmp_path / "result.json")]) == 1
    assert "not the result that was signed" in capsys.readouterr().err


@pytest.mark.parametrize("text", [None, "", "[1]", "{", '{"00": 0.5}'])
def test_what_is_no_result_is_bad_usage(
    words: list[str], text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (tmp_path / "result.json").write_text(text)
    assert main([*words, "--result", str(tmp_path / "result.json")]) == 2
    assert "result.json" in capsys.readouterr().err


def test_without_a_result_the_way_to_compare_it_is_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert "--result FILE" in capsys.readouterr().out
