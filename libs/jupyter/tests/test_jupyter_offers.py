"""What a picker offers, and that the choice is where cells run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import queuebit_jupyter
from queuebit import AsyncClient, InvalidInput
from queuebit_jupyter import Session
from queuebit_jupyter.offers import Asked, device_map, offers_html, offers_text, offers_view
from queuebit_quantum import open_backend
from queuebit_testing.local_platform import LocalPlatform, local_credential

BACKENDS: list[dict[str, Any]] = [
    {"backend": "aer", "kind": "simulator", "qubits": 30, "price": "0.001 USD a task", "calibrated_at": None},
    {"backend": "manila", "kind": "qpu", "qubits": 5, "price": "1.60 USD a second", "calibrated_at": None},
]
PLAN: list[dict[str, Any]] = [
    {
        "backend": "manila",
        "fits": True,
        "cost": "3.28",
        "currency": "USD",
        "esp_ppm": 962_000,
        "calibration_age_s": 7300,
    },
    {"backend": "aer", "fits": False, "reason": "<b>too large</b>\x1b[2J"},
]
JOBS: list[dict[str, Any]] = [
    {"backend": "manila", "state": "placed", "queue_wait_ms": None},
    {"backend": "manila", "state": "completed", "queue_wait_ms": 1500},
    {"backend": "manila", "state": "completed", "queue_wait_ms": 2500},
    {"backend": None, "state": "accepted"},
]
ASKED = Asked("OPENQASM 3.0; qubit q; bit c = measure q;", 200)
MAP = {"qubits": 2, "couplers": [[0, 1, 0.01]]}


def test_a_row_has_price_queue_success_and_age() -> None:
    view = offers_view(ASKED, BACKENDS, PLAN, JOBS, {"manila": MAP})
    assert view["rows"] == [
        {
            "backend": "manila", "qubits": "5, qpu", "price": "3.28 USD", "waiting": "1", "wait": "2.0 s",
            "success": "96.2%", "calibrated": "2 h ago", "map": MAP,
        }
    ]  # fmt: skip
    assert view["unfit"] == [{"backend": "aer", "reason": "<b>too large</b>\\x1b[2J"}]


def test_without_a_circuit_a_row_has_the_tariff() -> None:
    view = offers_view(None, BACKENDS, (), (), {})
    assert [(it["backend"], it["price"], it["success"]) for it in view["rows"]] == [
        ("aer", "0.001 USD a task", ""),
        ("manila", "1.60 USD a second", ""),
    ]


def test_static_html_is_a_table_and_escapes() -> None:
    html = offers_html(offers_view(ASKED, BACKENDS, PLAN, JOBS, {}), "manila")
    assert "<td>3.28 USD</td>" in html
    assert "cells without --backend run on manila" in html
    assert "<b>" not in html
    text = offers_text(offers_view(ASKED, BACKENDS, PLAN, JOBS, {}), "")
    assert (
        text == "backends for 200 shots of the circuit: manila: 3.28 USD; Queuebit chooses for cells without --backend"
    )


def test_a_map_has_couplers_and_their_errors() -> None:
    calibration = {"qubits": [{}, {}], "couplers": [{"qubits": [0, 1], "error": 0.01, "gate": "cx"}]}
    assert device_map(calibration) == MAP


def test_cells_run_where_the_picker_says(session: Session, platform: LocalPlatform) -> None:
    platform.answers |= {"backends": BACKENDS, "plan": PLAN, "jobs": JOBS}
    picker = session.offers(ASKED, "manila")
    assert picker.used == "manila"
    for backend in (None, "aer"):
        session.submit(ASKED.source, shots=1, backend=backend)
    picker.choice = ""
    session.submit(ASKED.source, shots=1)
    assert [it.data.backend for it in platform.submissions] == ["manila", "aer", None]


def test_a_choice_that_is_not_offered_changes_nothing(session: Session, platform: LocalPlatform) -> None:
    platform.answers |= {"backends": BACKENDS, "plan": PLAN, "jobs": JOBS}
    with pytest.raises(InvalidInput, match="there is no backend hanoi"):
        session.offers(ASKED, "hanoi")
    assert (session.picker.choice, session.picker.used) == ("", "")


def test_a_picker_shows_the_newest_circuit(session: Session, platform: LocalPlatform) -> None:
    platform.answers |= {"backends": BACKENDS, "plan": PLAN, "jobs": JOBS}
    assert session.offers().view["shots"] == 0
    session.submit(ASKED.source, shots=30)
    assert session.offers().view["shots"] == 30


def test_devices_are_read_once_for_each_calibration() -> None:
    platform = LocalPlatform(open_backend("emulated-ibm-manila"))
    platform.answers |= {
        "backends": [{**BACKENDS[1], "backend": "emulated-ibm-manila", "calibrated_at": "t1"}],
        "jobs": [],
    }
    session = Session(AsyncClient(local_credential(), transport=platform))
    try:
        first = session.offers().view["rows"][0]["map"]
        assert (first["qubits"], len(first["couplers"])) == (5, 4)
        assert session.offers().view["rows"][0]["map"] is first
    finally:
        session.close()


def test_the_page_places_qubits_as_the_console_does() -> None:
    ours = Path(queuebit_jupyter.__file__).parent / "static" / "layout.js"
    theirs = (
        Path(__file__).parents[3] / "services" / "gateway" / "src" / "queuebit_gateway" / "console" / "ui" / "layout.js"
    )
    assert ours.read_text() == theirs.read_text()
