"""What a card and a meter show, and what the ledger adds up: pure values."""

from datetime import UTC, datetime, timedelta

from queuebit import Money, Reason, Result, Status, Step
from queuebit_jupyter import Ledger
from queuebit_jupyter.views import card_html, card_text, card_view, meter_text, meter_view

BEGIN = datetime(2026, 11, 20, 8, tzinfo=UTC)
STEPS = (Step("submitted", BEGIN, "1000 shots"), Step("completed", BEGIN + timedelta(seconds=1.5)))
DONE = Status("j1", "completed", "acme", "p", 1000, "<b>bell</b>", "aer", charge=Money.of("0.01"), steps=STEPS)
RESULT = Result("j1", "aer", 1000, {"00": 600, "11": 400}, "sha256:0")


def test_a_card_has_timeline_counts_charge_and_receipt() -> None:
    view = card_view(DONE, RESULT)
    assert [(step["event"], step["seconds"]) for step in view["steps"]] == [("submitted", 0.0), ("completed", 1.5)]
    assert view["bars"] == [{"bits": "00", "count": 600, "share": 0.6}, {"bits": "11", "count": 400, "share": 0.4}]
    assert (view["charge"], view["sealed"]) == ("0.01 USD", False)


def test_many_outcomes_are_summed_up() -> None:
    many = Result("j1", "aer", 100, {f"{n:07b}": 1 for n in range(100)}, "sha256:0")
    view = card_view(DONE, many)
    assert (len(view["bars"]), view["more"], view["more_shots"]) == (16, 84, 84)


def test_static_html_escapes_and_text_is_one_line() -> None:
    html = card_html(DONE, RESULT)
    assert "<b>bell" not in html
    assert "&lt;b&gt;bell" in html
    assert "60.0%" in html
    assert card_text(DONE, RESULT) == "job j1 · completed · aer · 0.01 USD · 00: 600, 11: 400"


def test_text_of_others_cannot_hide_anything() -> None:
    refused = Status("j2", "rejected", "acme", "p", 1, "x\u202ey", reasons=(Reason("limit", "no\x1b[2J"),))
    assert card_view(refused)["reasons"] == ["no\\x1b[2J"]
    assert "\u202e" not in card_view(refused)["label"] + card_html(refused)


def test_a_ledger_counts_a_job_once_and_currencies_apart() -> None:
    ledger, euros = Ledger(), Money.of("2", "EUR")
    for job in ("j1", "j1", "j2", "j3"):
        ledger.add(job, None)
    ledger.note(DONE)
    ledger.note(Status("j2", "completed", "acme", "p", 1, "", charge=euros))
    ledger.note(Status("of another notebook", "completed", "acme", "p", 1, "", charge=Money.of("9")))
    assert ledger.totals() == {"USD": Money.of("0.01"), "EUR": euros}
    assert meter_text(meter_view(ledger)) == "0.01 USD + 2.00 EUR · 3 jobs, 1 not billed yet"


def test_a_cap_is_the_highest_cost_of_the_next_job() -> None:
    ledger = Ledger()
    assert ledger.limit(None) is None
    ledger.cap = Money.of("1")
    assert ledger.limit(None) == Money.of("1")
    ledger.add("j1", Money.of("0.30"))
    assert ledger.limit(None) == Money.of("0.70"), "a job without a bill counts with its highest cost"
    ledger.note(DONE)
    assert ledger.limit(None) == Money.of("0.99")
    assert ledger.limit(Money.of("0.20")) == Money.of("0.20")
    ledger.add("j2", None)
    assert ledger.limit(Money.of("0.20")) == Money.of("0"), "a job without a limit may take everything"
    assert meter_view(ledger)["share"] == 0.01


def test_a_refused_job_costs_nothing() -> None:
    ledger = Ledger(Money.of("1"))
    ledger.add("j1", Money.of("1"))
    ledger.note(Status("j1", "rejected", "acme", "p", 1, ""))
    assert ledger.unbilled == ()
    assert ledger.limit(None) == Money.of("1")
    assert meter_view(ledger)["totals"] == ["nothing charged yet"]
