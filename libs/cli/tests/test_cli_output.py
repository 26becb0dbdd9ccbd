"""Tables, documents and colours."""

import json
import re
from datetime import UTC, datetime

import pytest

from queuebit_cli.output import Output, fitting, table
from queuebit_cli.presenting import backend_rows, job_rows, plan_rows, slo_rows
from queuebit_cli.telling import count_rows, exit_of
from queuebit_kernel import rfc3339


def test_a_table_leaves_out_what_is_empty_and_aligns_numbers() -> None:
    rows: list[dict[str, object]] = [
        {"name": "a", "n": 5, "gone": None, "ok": True},
        {"name": "long", "n": 1000, "gone": "", "ok": False},
    ]
    assert table(rows) == [["name", "n", "ok"], ["a", "5", "yes"], ["long", "1000", "no"]]
    assert Output(as_json=False).lines(rows) == ["name     n  ok", "a        5  yes", "long  1000  no"]


def test_a_narrow_terminal_does_without_what_is_least_missed_and_keeps_ids_whole() -> None:
    job = "j54eol6bxgyr645oisq3l"
    cells = [["file", "job", "shots"], ["bernstein_vazirani.qasm", job, "1000"], ["bell.qasm", job, "1000"]]
    assert fitting(cells, 80) == cells
    assert fitting(cells, 47) == [line[:2] for line in cells]
    assert fitting(cells, 40) == [["file", "job"], ["bernstein_vazira…", job], ["bell.qasm", job]]


def test_what_others_wrote_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(as_json=False)
    out.rows([{"label": "bell\033]0;owned\a\033[2J", "purpose": "\x9b2J"}])
    out.say("\033[32mours\033[0m")
    told = capsys.readouterr().out
    assert set(told) & {"\a", "\x9b"} == set()
    assert told.count("\033") == 2
    assert "\033[32mours\033[0m" in told


def test_json_is_the_rows_as_they_came(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).rows([{"a": 1, "b": None}], shown=lambda rows: [{"changed": 1}])
    assert json.loads(capsys.readouterr().out) == [{"a": 1, "b": None}]


def test_nothing_is_said_in_words_and_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).rows([], none="no jobs yet")
    Output(as_json=True).rows([])
    assert capsys.readouterr().out == "no jobs yet\n[]\n"


def test_colours_are_for_terminals_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Output(as_json=False).paint("x", "good") == "x"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Output(as_json=False).paint("x", "good") == "\033[32mx\033[0m"
    monkeypatch.setenv("NO_COLOR", "")
    assert Output(as_json=False).paint("x", "good") == "x"


def test_exit_codes_tell_the_worst() -> None:
    assert exit_of(["completed", "submitted"]) == 0
    assert exit_of(["completed", "failed"]) == 1
    assert exit_of(["cancelled"]) == 1
    assert exit_of(["failed", "rejected"]) == 3
    assert exit_of(["refused"]) == 3


def test_counts_are_told_most_frequent_first_and_cut_with_a_sum() -> None:
    rows = count_rows({"00": 5, "11": 90, "01": 3, "10": 2}, most=2)
    assert [(row["bits"], row["count"], row["share"]) for row in rows] == [
        ("11", 90, "90.0%"),
        ("00", 5, "5.0%"),
        ("2 more", 5, "5.0%"),
    ]


def test_people_read_durations_shares_and_amounts() -> None:
    (job,) = job_rows([{"job": "j", "end_to_end_ms": 1500, "charge": "0.10", "currency": "USD"}])
    assert (job["took"], job["charge"]) == ("1.5 s", "0.10 USD")
    (plan,) = plan_rows([{"backend": "x", "qpu_us": 6100, "esp_ppm": 983657, "calibration_age_s": 864000}])
    assert (plan["runs"], plan["success"], plan["calibrated"]) == ("6 ms", "98.37%", "10 days ago")
    (level,) = slo_rows([{"name": "x", "target": 0.99, "actual": 0.5}])
    assert (level["target"], level["actual"], level["kept"]) == ("99%", "50%", False)


def test_tables_fit_a_terminal_of_120_columns() -> None:
    job = {
        "job": "j" * 21, "state": "completed", "label": "a label of many words.qasm",
        "backend": "emulated-ibm-sherbrooke", "shots": 100000, "charge": "36.073771", "currency": "USD",
        "end_to_end_ms": 59999, "submitted_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    backend = {
        "backend": "emulated-ibm-sherbrooke", "kind": "simulator", "qubits": 1000, "calibration_age_s": 10**8,
        "price": "0.001 USD a task + 0.01 USD a second + 0.001 USD a qubit-second", "currency": "USD",
    }  # fmt: skip
    for rows in (job_rows([job]), backend_rows([backend])):
        assert max(map(len, Output(as_json=False).lines(rows))) <= 120


def test_moments_of_today_are_told_without_the_day() -> None:
    today, older = job_rows([{"submitted_at": rfc3339(datetime.now(UTC))}, {"submitted_at": "2020-01-02T03:04:05Z"}])
    assert re.fullmatch(r"\d\d:\d\d:\d\d", str(today["at"]))
    assert re.fullmatch(r"\d\d \w+", str(older["at"]))
