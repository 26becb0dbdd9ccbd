"""`qb erase` for a name that the log does not have."""

from __future__ import annotations

from typing import Any

import pytest

from queuebit_audit.erasable import Found, Scope
from queuebit_cli.commands import erase
from queuebit_cli.main import main


def test_a_scope_without_jobs_is_an_error_and_not_an_erasure_of_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(erase, "_found", lambda args, out: Found(Scope(args.tenant, args.user, tuple(args.job))))
    assert main(["erase", "acme", "--user", "ada", "--reason", "request 7"]) == 2
    assert "the log has no job of user ada of acme" in " ".join(capsys.readouterr().err.split())


def test_one_wrong_job_among_right_ones_is_named_and_nothing_is_erased(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def found(args: Any, out: object) -> Found:
        return Found(Scope(args.tenant, None, tuple(args.job)), sequence=7, unknown=("jwrong",))

    monkeypatch.setattr(erase, "_found", found)
    monkeypatch.setattr(erase, "answer_to", None)
    assert main(["erase", "acme", "--job", "jright", "--job", "jwrong", "--reason", "request 7"]) == 2
    assert "acme has no job jwrong: nothing was erased" in " ".join(capsys.readouterr().err.split())
