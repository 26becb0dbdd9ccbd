"""What a child submits to a vendor for the items of a program, and which outcome becomes whose result."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from queuebit_executor import remote_worker
from queuebit_executor.frames import with_sources
from queuebit_kernel import event_id
from queuebit_quantum import Circuit, Compiled, DoesNotFit
from queuebit_runtime.frames import Frame
from queuebit_testing.vendor import FakeVendor, VendorFile

BELL = b'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;'
WIDE = b'OPENQASM 2.0; include "qelib1.inc"; qreg q[9]; creg c[1]; x q; measure q[0] -> c[0];'
BROKEN = b"OPENQASM 2.0; what"
UNMEASURED = b'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; h q[0]; cx q[0], q[1];'


class Device(FakeVendor):
    """A vendor that takes many circuits, of which some do not fit it any more."""

    lost = frozenset[int]()
    """Shots are no matter to a compiler: the number of two-qubit gates says which circuit was lost."""

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        if circuit.two_qubit_gates in self.lost:
            raise DoesNotFit("it has lost a coupler")
        return super().compile(circuit, seed)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(VendorFile(tmp_path / "vendor.sqlite"))


def item(source: bytes, shots: int, *observables: Mapping[str, float]) -> tuple[dict[str, Any], bytes]:
    head = {"parameters": {}, "observables": [*observables], "outputs": ["counts"], "shots": shots, "seed": 1}
    return head, source


Items = Sequence[tuple[dict[str, Any], bytes]]


def submit(device: Device, items: Items, *, budget_us: int = 10**9, most: int = 100) -> tuple[Frame, dict[str, Any]]:
    head, body = with_sources(items)
    about = {"op": "submit", "owner": "acme", "budget_us": budget_us, "most": most, "token": f"j1-{event_id()}"}
    answer = remote_worker.answer(device, head | about, body)
    return answer, json.loads(answer[1])


def collect(device: Device, handle: str, items: Items, manifest: Mapping[str, Any], begin: int = 0) -> list[Any]:
    sent = [({**head, "circuits": it["circuits"]}, body) for (head, body), it in _sent(items, manifest)]
    head, body = with_sources(sent)
    about = {"op": "collect", "handle": handle, "rebuilt": manifest["rebuilt"], "from": begin}
    answers = [*remote_worker.collect(device, head | about, body)]
    if device.poll(handle) and "error" in answers[0][0]:
        return [answers[0][0]["error"]["code"]]
    return [json.loads(content) for _, content in answers]


def _sent(items: Items, manifest: Mapping[str, Any]) -> list[tuple[tuple[dict[str, Any], bytes], Any]]:
    return [it for it in zip(items, manifest["items"], strict=True) if it[1].get("circuits")]


def test_items_that_cannot_run_are_left_out_and_outcomes_go_to_the_others(device: Device) -> None:
    items = [item(BELL, 11), item(WIDE, 12), item(BROKEN, 13), item(BELL, 14)]
    (head, _), manifest = submit(device, items)
    assert [it.get("circuits", 0) for it in manifest["items"]] == [1, 0, 0, 1]
    assert [it["reason"]["code"] for it in manifest["items"] if "reason" in it] == ["does_not_fit", "undefined"]
    device.poll(head["handle"])
    assert [it["counts"] for it in collect(device, head["handle"], items, manifest)] == [{"00": 11}, {"00": 14}]
    assert [it["counts"] for it in collect(device, head["handle"], items, manifest, begin=1)] == [{"00": 14}]


def test_an_item_with_observables_is_a_circuit_for_each_basis(device: Device) -> None:
    items = [item(UNMEASURED, 10, {"ZZ": 1.0}, {"XX": 1.0}, {"IZ": 1.0}), item(BELL, 7)]
    (head, _), manifest = submit(device, items)
    assert [it["circuits"] for it in manifest["items"]] == [2, 1]
    device.poll(head["handle"])
    estimated, sampled = collect(device, head["handle"], items, manifest)
    assert [it["value"] for it in estimated["expectations"]] == [1.0, 1.0, 1.0], "the vendor measures only zeros"
    assert (estimated["usage"]["shots"], estimated["uncertainty"]["method"]) == (20, "standard-error")
    assert (sampled["counts"], sampled["uncertainty"]) == ({"00": 7}, {"method": "wilson", "level": "0.95"})


def test_items_beyond_the_time_of_the_hold_or_the_limit_of_a_submission_are_refused(device: Device) -> None:
    _, manifest = submit(device, [item(BELL, 100), item(BELL, 100), item(BELL, 10)], budget_us=120_000)
    assert [it.get("reason", {}).get("code") for it in manifest["items"]] == [None, "limit_exceeded", None]
    assert manifest["qpu_us"] == 110_000, "a pause of a millisecond after each shot"
    (head, _), manifest = submit(device, [item(UNMEASURED, 10, {"ZZ": 1.0}, {"XX": 1.0})], most=1)
    assert (head["handle"], manifest["items"][0]["reason"]["code"]) == (None, "does_not_fit")


def test_a_failure_and_a_doubt_of_the_vendor_belong_to_their_item(device: Device) -> None:
    items = [item(BELL, 7), item(BELL, 8), item(BELL, 9)]
    (head, _), manifest = submit(device, items)
    device.file.pause("preempt 8")
    device.file.pause("doubt 9")
    device.poll(head["handle"])
    first, second, third = collect(device, head["handle"], items, manifest)
    assert (first["state"], "suspect" in first) == ("completed", False)
    assert (second["state"], second["reason"]["code"]) == ("failed", "preempted")
    assert third["suspect"] == {"code": "drifted", "text": "the device drifted"}


def find(device: Device, token: str, items: Items) -> tuple[Frame, dict[str, Any]]:
    head, body = with_sources(items)
    answer = remote_worker.answer(device, head | {"op": "find", "owner": "acme", "token": token}, body)
    return answer, json.loads(answer[1])


CHAIN = BELL.replace(b"measure", b"cx q[1], q[0]; measure")


def test_a_submission_without_a_record_is_read_only_if_no_outcome_can_be_anothers(device: Device) -> None:
    """If an item was left out when it was submitted, nothing says which: all outcomes would move by one."""
    items = [item(BELL, 11), item(CHAIN, 12), item(BELL, 13)]
    (head, _), _ = submit(device, items)
    token = head["handle"].removeprefix("run-")
    device.poll(head["handle"])
    device.lost = frozenset({2})
    (found, _), manifest = find(device, token, items)
    assert (found["handle"], manifest["rebuilt"]) == (head["handle"], True)
    assert [it.get("reason", {}).get("code") for it in manifest["items"]] == [None, "compilation_lost", None]
    assert [it["counts"] for it in collect(device, head["handle"], items, manifest)] == [
        {"00": it} for it in (11, 12, 13)
    ]

    (head, _), before = submit(device, items)
    assert before["items"][1]["reason"]["code"] == "does_not_fit"
    device.poll(head["handle"])
    device.lost = frozenset()
    _, manifest = find(device, head["handle"].removeprefix("run-"), items)
    assert collect(device, head["handle"], items, manifest) == ["compilation_lost"]
