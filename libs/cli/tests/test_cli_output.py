"""Tables, documents and colours."""

import json
import re
from datetime import UTC, datetime
from itertools import zip_longest

import pytest

from queuebit import LoggedEvent, UnknownEvent
from queuebit.documents import event_document
from queuebit.errors import Reason
from queuebit.records import Fallback, Result, SharedRun, Status, Step
from queuebit_cli.commands import jobs
from queuebit_cli.commands.tokens import token_rows
from queuebit_cli.main import main
from queuebit_cli.output import Output, on_lines
from queuebit_cli.render_jobs import describe, event_line, exit_of
from queuebit_cli.render_results import count_rows, result_lines
from queuebit_cli.render_tables import backend_rows, balance_rows, balance_tables, job_rows, plan_rows, slo_rows
from queuebit_cli.tables import fitted, table
from queuebit_kernel import rfc3339
from queuebit_stack.overview import COLUMNS


def test_a_table_leaves_out_what_is_empty_and_aligns_numbers() -> None:
    rows: list[dict[str, object]] = [
        {"name": "a", "n": 5, "gone": None, "ok": True},
        {"name": "long", "n": 1000, "gone": "", "ok": False},
    ]
    assert table(rows) == [["name", "n", "ok"], ["a", "5", "yes"], ["long", "1000", "no"]]
    assert Output(as_json=False).lines(rows) == ["name     n  ok", "a        5  yes", "long  1000  no"]


def drawn(cells: list[list[str]], room: int) -> list[str]:
    """The lines of a table in so many columns, without blanks at their ends."""
    it = fitted(cells, room)
    lines = []
    for row, under in zip(it.rows, it.under, strict=True):
        for line in zip_longest(*row, fillvalue=""):
            padded = map(str.ljust, line, it.widths)
            lines += ["  ".join(padded).rstrip()]
        lines += under
    return lines


def test_the_table_of_processes_fits_eighty_columns_with_a_long_name() -> None:
    row = dict(zip(COLUMNS, ("executor-statevector", 27515, "http://127.0.0.1:37420", True, True, 0, 0), strict=True))
    lines = drawn(table([row], COLUMNS), 80)
    assert max(map(len, lines)) <= 80
    assert "executor-statevector" in lines[1]
    assert lines[0].split() == [name for name in COLUMNS if name != "restarts"]


JOB = "j54eol6bxgyr645oisq3l"


def test_a_narrow_terminal_does_without_what_is_least_missed_and_keeps_ids_whole() -> None:
    cells = [["file", "job", "shots"], ["bernstein_vazirani.qasm", JOB, "1000"], ["bell.qasm", JOB, "1000"]]
    assert drawn(cells, 80)[1].split() == ["bernstein_vazirani.qasm", JOB, "1000"]
    assert drawn(cells, 47)[1].split() == ["bernstein_vazirani.qasm", JOB]
    assert drawn(cells, 40) == ["file", "bernstein_vazirani.qasm", f"   job: {JOB}", "bell.qasm", f"   job: {JOB}"]


def test_an_event_of_an_unknown_type_is_shown_as_it_was_written() -> None:
    subject = f"qb.job.acme.{JOB}.praised"
    logged = LoggedEvent(7, subject, UnknownEvent("qb.job.praised.v1", subject, b'{"type": "qb.job.praised.v1"}'))
    assert event_document(logged)["event"] == {"type": "qb.job.praised.v1"}
    assert event_line(logged, Output(as_json=False)).split(maxsplit=2) == [
        JOB,
        "praised",
        "qb.job.praised.v1: this version of qb does not know it",
    ]


def test_sentences_are_wrapped_between_words_and_prices_are_whole() -> None:
    promise = "jobs that ran had waited at most 2 s from accepted to started"
    cells = [["promise", "target", "cases"], [promise, "50%", "2"]]
    assert drawn(cells, 50) == [
        "promise                              target  cases",
        "jobs that ran had waited at most 2   50%     2",
        "s from accepted to started",
    ]
    price = "0.001 a task + 0.01 a second + 0.001 a qubit-second, in USD"
    printed = " ".join(drawn([["backend", "price"], ["aer", price]], 45))
    assert "qubit-second, in USD" in printed
    assert set(price.split()) <= set(printed.split())


def test_an_error_is_wrapped_between_words_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"qb: price book has 1 problem:\n  - price 1: {'end it with valid_until ' * 5}/a-path/{'x' * 90}"
    assert on_lines(text) == text
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    first, *others = on_lines(text).splitlines()
    assert first == "qb: price book has 1 problem:"
    assert others[0].startswith("  - price 1: end it")
    assert all(it.startswith("    ") for it in others[1:])
    assert " ".join(on_lines(text).split()) == " ".join(text.split()), "no word is cut"


def test_a_misused_command_is_answered_without_a_cut_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["charges", "--by", "foo"])
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) <= 80
    assert "project, user, backend" in " ".join(lines)


def test_what_has_no_room_is_reported_below_its_row() -> None:
    reason = "job asks for emulated-ibm-sherbrooke, which needs a hold of 36.09 USD, and 12 USD are free"
    cells = [
        ["file", "job", "state", "backend", "charge", "receipt", "reason"],
        ["ghz.qasm", JOB, "rejected", "emulated-ibm-sherbrooke", "0.00 USD", "verified", reason],
        ["bell.qasm", JOB, "completed", "aer", "36.073771 USD", "verified", ""],
    ]
    lines = drawn(cells, 80)
    assert max(map(len, lines)) <= 80
    assert [line.split() for line in lines if JOB in line] == [
        ["ghz.qasm", JOB, "rejected", "emulated-ibm-sherbrooke"],
        ["bell.qasm", JOB, "completed", "aer"],
    ]
    assert lines[2].startswith("   charge: 0.00 USD; receipt: verified; reason: job asks for")
    assert set(reason.split()) <= set(" ".join(lines).split())
    assert lines[-1] == "   charge: 36.073771 USD; receipt: verified"


@pytest.mark.parametrize("room", [20, 40, 60, 80, 120])
def test_no_table_is_wider_than_a_terminal_if_its_words_are_not(room: int) -> None:
    rows = plan_rows([{"backend": "aer", "fits": False, "cost": "0.1", "currency": "USD", "reason": "too large " * 9}])
    assert max(map(len, drawn(table(rows), room))) <= room


def test_many_bits_are_shortened_in_the_middle() -> None:
    (row,) = count_rows({"0" * 400 + "1" * 100: 7})
    assert row["bits"] == "0000000000…1111111111 (500 bits)"
    assert count_rows({"0" * 32: 7})[0]["bits"] == "0" * 32


STEERING = "be\033[8ml\u202el\033]0;owned\a\x9b2J\033[31m"


@pytest.mark.parametrize("coloured", [True, False])
def test_what_others_wrote_cannot_steer_the_terminal(
    coloured: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Output(as_json=False)
    out.colour = coloured
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    status = Status(
        "j1",
        "failed",
        "t",
        "p",
        1,
        STEERING,
        reasons=(Reason("x", STEERING),),
        steps=(Step("failed", moment, STEERING),),
    )
    out.rows([{"label": STEERING, "reason": {"text": [STEERING]}}], shown=job_rows)
    out.rows([{"label": STEERING, "reason": {"text": [STEERING]}}])
    for line in describe(status, out, STEERING):
        out.say(line)
    out.paragraph(STEERING)
    printed = re.sub(r"\033\[(0|1|2|31|33)m", "", capsys.readouterr().out) if coloured else capsys.readouterr().out
    assert not set(printed) & {"\a", "\x9b", "\u202e", "\033"}
    assert r"be\x1b[8ml\u202el\x1b]0;owned\x07\x9b2J" in printed


def test_hidden_text_is_not_hidden_even_where_colours_are() -> None:
    out = Output(as_json=False)
    out.colour = True
    (_, line) = out.lines([{"label": STEERING}])
    assert "\033" not in line


def test_json_escapes_what_could_steer_a_terminal_and_means_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).document({"label": STEERING})
    printed = capsys.readouterr().out
    assert printed.rstrip("\n").isascii()
    assert json.loads(printed) == {"label": STEERING}


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


def test_a_result_shows_the_interval_of_each_share_and_why_it_is_suspect() -> None:
    doubt = Reason("recalibrated", "the calibration changed while the job ran")
    result = Result("j", "device", 100, {"0": 90, "1": 10}, "sha256:0", suspect=doubt)
    head, first, second, why, how = result_lines(result, Output(as_json=False))
    assert "95% wilson" in head
    assert ("82.6% to 94.5%" in first, "5.5% to 17.4%" in second) == (True, True)
    assert why == "suspect: the calibration changed while the job ran"
    assert how == "`qb job rerun j` runs it again, within the budget"


def test_a_result_of_a_fallback_says_where_it_ran_instead_of_what() -> None:
    label = Fallback(("torino", "kyiv"), datetime(2026, 11, 1, 9, 20, tzinfo=UTC))
    *_, last = result_lines(Result("j", "aer", 1, {"0": 1}, "sha256:0", fallback=label), Output(as_json=True))
    assert last == "fallback: it ran on aer instead of torino or kyiv, out of service since 2026-11-01 09:20:00 UTC"


def test_counts_are_reported_most_frequent_first_and_cut_with_a_sum() -> None:
    rows = count_rows({"00": 5, "11": 90, "01": 3, "10": 2}, most=2)
    assert [(row["bits"], row["count"], row["share"]) for row in rows] == [
        ("11", 90, "90.0%"),
        ("00", 5, "5.0%"),
        ("2 more", 5, "5.0%"),
    ]


def test_lists_and_amounts_look_the_same_in_every_table() -> None:
    rows = [{"backends": ["aer", "cirq"], "budget": {"amount": "1000", "currency": "USD"}}]
    assert table(rows)[1] == ["aer, cirq", "1000.00 USD"]
    assert balance_rows([{"left": "0.000000000000000000123", "currency": "EUR"}])[0]["left"] == (
        "0.000000000000000000123 EUR"
    )


def test_a_budget_says_its_window_and_when_it_will_be_spent() -> None:
    row = {"kind": "budget", "name": "tenant", "window": "month", "soft": True, "spent_by": "2026-12-03"}
    (shown,) = balance_rows([row])
    assert (shown["window"], shown["spent by"]) == ("month, warns only", "Thu 3 Dec")


def test_accounts_grants_and_budgets_are_tables_of_their_own() -> None:
    """In one table, a grant or a budget had its name in a column that did not fit, and its row began empty."""
    money = {"limit": "1100", "held": "0", "spent": "3.606307", "left": "1096.393693", "currency": "USD"}
    rows = [
        {"kind": "account", "name": "playground", **money},
        {"kind": "grant", "name": "spring", **money, "expires_at": "2028-01-01T12:00:00Z"},
        {"kind": "budget", "name": "class:batch", **money, "window": "month"},
    ]
    tables = [drawn(table(it), 80) for it in balance_tables(rows)]
    assert [it[0].split()[0] for it in tables] == ["account", "grant", "budget"]
    assert [it[1].split()[0] for it in tables] == ["playground", "spring", "class:batch"]
    assert [len(it) for it in tables] == [2, 2, 2], "no cell is below its row at 80 columns"
    assert "2028-01-01" in tables[1][1], "a date of another year has its year"


def test_people_read_durations_shares_and_amounts() -> None:
    (job,) = job_rows([{"job": "j", "end_to_end_ms": 1500, "charge": "0.10", "currency": "USD"}])
    assert (job["took"], job["charge"]) == ("1.5 s", "0.10 USD")
    (late,) = job_rows([{"job": "j", "charge": "0.00", "currency": "USD", "provisional": 1}])
    assert late["charge"] == "0.00 USD, until its usage is final"
    (plan,) = plan_rows([{"backend": "x", "qpu_us": 6100, "esp_ppm": 983657, "calibration_age_s": 864000}])
    assert (plan["runs"], plan["success"], plan["calibrated"]) == ("6 ms", "98.4%", "10 d ago")
    (unlikely,) = plan_rows([{"backend": "x", "esp_ppm": 900}])
    assert unlikely["success"] == "<0.1%"
    (slow,) = plan_rows([{"backend": "x", "fits": True, "wait_ms": 1500, "wait_low_ms": 20, "wait_high_ms": 9000}])
    (steady,) = plan_rows([{"backend": "x", "fits": True, "wait_ms": 15, "wait_low_ms": 15, "wait_high_ms": 15}])
    assert (slow["usual wait"], steady["usual wait"]) == ("1.5 s (20 ms-9.0 s)", "15 ms")
    (level,) = slo_rows([{"name": "x", "target": 0.99, "actual": 0.5}])
    assert (level["objective"], level["target"], level["actual"], level["kept"]) == ("x", "99%", "50%", False)


@pytest.mark.parametrize(
    ("age_s", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (7_199, "1 h"), (86_399, "23 h"), (172_000, "1 d"), (864_000, "10 d")],
)
def test_the_age_of_a_calibration_is_rounded_as_the_console_rounds_it(age_s: float, text: str) -> None:
    """As `age` in `console/core/rows.js`: the largest unit, rounded down."""
    (plan,) = plan_rows([{"backend": "x", "calibration_age_s": age_s}])
    assert plan["calibrated"] == f"{text} ago"


def test_the_end_of_a_token_says_who_or_what_ended_it() -> None:
    row = {"delegation": "d1", "user": "ann", "scope": "read", "project": None, "issuer": None, "subject": "ann"}
    ended = [None, "ann revoked it", "user ann was removed"]
    rows = token_rows([{**row, "expires_at": "2026-01-01T00:00:00.000000Z", "ended": it} for it in ended])
    assert [it["ended"] for it in rows] == ended
    assert len({it["until"] for it in rows}) == 1


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


def test_backends_that_are_out_of_service_say_since_when_and_otherwise_there_is_no_column() -> None:
    rows: list[dict[str, object]] = [{"backend": "aer"}, {"backend": "torino", "interrupted_since": None}]
    assert all("out since" not in it for it in backend_rows(rows))
    here, away = backend_rows([rows[0], {"backend": "torino", "interrupted_since": "2020-01-02T03:04:05Z"}])
    assert (here["out since"], re.fullmatch(r"\d\d \w+", str(away["out since"])) is not None) == (None, True)


def test_moments_of_today_are_reported_without_the_day() -> None:
    today, older = job_rows([{"submitted_at": rfc3339(datetime.now(UTC))}, {"submitted_at": "2020-01-02T03:04:05Z"}])
    assert re.fullmatch(r"\d\d:\d\d:\d\d", str(today["at"]))
    assert re.fullmatch(r"\d\d \w+", str(older["at"]))


def test_at_eighty_columns_a_label_is_reported_below_its_job() -> None:
    job = {
        "job": JOB, "state": "completed", "label": "bell.qasm", "backend": "emulated-ibm-sherbrooke", "shots": 1000,
        "charge": "36.073771", "currency": "USD", "end_to_end_ms": 1234.5, "submitted_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    lines = drawn(table(job_rows([job, {**job, "label": ""}])), 80)
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if "bell" in line] == ["   label: bell.qasm"]
    assert lines[0].split() == ["job", "state", "backend", "charge", "at"], "the moved label makes room for the time"
    assert len(lines) == 4, "a job without a label has one line"
    assert "bell.qasm" in drawn(table(job_rows([{**job, "backend": "aer"}])), 80)[1]


def test_at_eighty_columns_the_events_of_a_job_are_broken_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Output, "room", 80)
    words = "asks for a backend that is away and so waits for its turn until an operator starts it again, in the end"
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    steps = (Step("submitted", moment, words), Step("accepted", moment))
    lines = describe(Status(JOB, "accepted", "t", "p", 1, words, steps=steps), Output(as_json=False), words)
    assert max(map(len, lines)) <= 80
    assert " ".join(" ".join(lines).split()).count(words) == 3
    assert [len(line) - len(line.lstrip()) for line in lines[3:5]] == [2, 27]


@pytest.mark.parametrize(("state", "printed"), [("rejected", "had been rejected"), ("completed", "had completed")])
def test_a_job_that_ended_first_is_reported_in_plain_words(
    state: str, printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def ended(_: object) -> Status:
        return Status(JOB, state, "t", "p", 1, "")

    monkeypatch.setattr(jobs, "_cancelled", ended)
    assert main(["job", "cancel", JOB]) == 3
    assert f"job {JOB} {printed} before it could be cancelled" in capsys.readouterr().err


def test_people_read_why() -> None:
    (row,) = job_rows([{"job": "j2", "state": "accepted", "waiting": "aer is full"}])
    assert row["waits"] == "aer is full"
    printed = describe(Status("j2", "accepted", "demo", "main", 100, "", None), Output(as_json=False), "aer is full")
    assert printed[1].split() == ["waiting", "aer", "is", "full"]


def test_a_result_of_a_shared_run_says_where_it_ran_and_beside_how_many() -> None:
    for circuits, text in (
        (3, "beside 2 other circuits, on qubits 57, 58"),
        (2, "beside 1 other circuit, on qubits 57, 58"),
    ):
        result = Result("j", "torino", 1, {"0": 1}, "sha256:0", shared=SharedRun(circuits, (57, 58)))
        *_, last = result_lines(result, Output(as_json=True))
        assert last == f"shared device: it ran {text}, and pays its share of the time"
