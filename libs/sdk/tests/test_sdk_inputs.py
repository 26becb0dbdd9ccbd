"""What a caller may give, and what is answered to the rest before anything is sent."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

import queuebit
from queuebit import InvalidInput, Money, Reason, Result, Status, Table
from queuebit.amounts import Amount, money_of
from queuebit.exporting import exported
from queuebit.inputs import one_line, plain_name, whole_number
from queuebit.submission import label_of
from queuebit.text import visible, visible_json


@pytest.mark.parametrize(
    ("amount", "exact"),
    [
        (0.1, "0.10 USD"),
        (1e-7, "0.0000001 USD"),
        (3, "3.00 USD"),
        (Decimal("0.10"), "0.10 USD"),
        ("0.10", "0.10 USD"),
        ("0.10 EUR", "0.10 EUR"),
        (Money(Decimal("2"), "EUR"), "2.00 EUR"),
    ],
)
def test_money_may_be_a_number_or_a_text(amount: Amount, exact: str) -> None:
    assert str(money_of(amount)) == exact


@pytest.mark.parametrize(
    "amount", [True, -1, "-0.5", float("nan"), float("inf"), "lots", "", "1 usd", "1e400", 10**18, [1], None]
)
def test_what_is_no_amount_is_refused_with_an_example(amount: object) -> None:
    with pytest.raises(InvalidInput, match=r"max_cost .* is not an amount of money: write it like 0\.10"):
        money_of(amount)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("circuit", "complaint"),
    [
        (["OPENQASM 3.0;"], "a value of type list is not a circuit: give Batch"),
        (None, "the circuit is None: give OpenQASM 2 or 3 source"),
        (7, "a value of type int is not a circuit: give OpenQASM 2 or 3 source"),
        (b"OPENQASM 3.0;", "a value of type bytes is not a circuit"),
    ],
)
def test_what_is_no_circuit_is_named_with_what_to_give(circuit: object, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        exported(circuit)


def test_the_client_loads_no_quantum_library() -> None:
    code = "import queuebit.client, queuebit.sources, queuebit.submission, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"qiskit", "cirq"} & set(loaded)


@pytest.mark.parametrize(
    "text", ["a\033[8mb", "a\u202eb", "a\u2066b", "a\rb", "a\nb", "a\x9b2Jb", "a\ud800b", "a\u200bb"]
)
def test_text_that_could_steer_a_terminal_is_not_sent(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"label contains \\.*give printable text"):
        one_line("label", text, 200)
    assert visible(text.replace("\n", "\r")).isascii()
    assert json.loads(visible_json(json.dumps(text, ensure_ascii=False))) == text


def test_a_file_with_a_strange_name_has_a_harmless_label() -> None:
    assert label_of(Path("folder/be\033[8mll.qasm")) == "be\\x1b[8mll.qasm"
    assert label_of("OPENQASM 3.0;") == ""


@pytest.mark.parametrize("number", [True, 1.0, "7", None, 2**53])
def test_shots_are_a_whole_number_and_nothing_else(number: object) -> None:
    with pytest.raises(InvalidInput, match="shots must be a whole number"):
        whole_number("shots", number)


def test_a_name_that_is_none_is_reported_in_plain_words() -> None:
    with pytest.raises(InvalidInput, match="project 'a b' is not a plain name: use 1 to 64 lower-case letters"):
        plain_name("project", "a b")


def test_the_package_lists_its_names_and_its_version() -> None:
    assert {"Client", "InvalidInput", "__version__"} <= set(dir(queuebit))
    assert queuebit.__version__.count(".") == 2


def test_calls_of_the_sync_client_document_their_arguments() -> None:
    for call in (queuebit.Client.submit, queuebit.Client.plan, queuebit.Client.jobs, queuebit.Job.result):
        assert "Args:" in (call.__doc__ or "")


def test_notebooks_show_tables_and_run_nothing_that_a_label_says() -> None:
    evil = "<script>alert(1)</script>\033[8m"
    shown = [
        Table([{"job": "j1", "label": evil}])._repr_html_(),
        Status("j1", "failed", "acme", "main", 10, evil, reasons=(Reason("x", evil),))._repr_html_(),
        Result("j1", evil, 10, {"00": 9, "11": 1}, "sha256:0")._repr_html_(),
    ]
    for html in shown:
        assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[8m" in html
        assert "<script" not in html
    assert "90.0%" in shown[2]


def test_a_traceback_shows_nothing_that_could_steer_a_terminal() -> None:
    reason = Reason("cancelled", "cancelled by eve: \033[8mhidden")
    for error in (queuebit.JobFailed("j1", reason), queuebit.Refused([reason])):
        assert str(error).endswith("cancelled by eve: \\x1b[8mhidden")
