"""Named circuits in the tenants document: facts of the tenant that never change but for their state."""

from __future__ import annotations

import pytest

from queuebit_contracts.circuits import CircuitEntry
from queuebit_contracts.directory import Directory, changes, faults
from queuebit_contracts.tenant import CircuitDefined
from queuebit_contracts.tenants import BadTenants, Tenants, parse_tenants, tenants_toml

DIGEST = "sha256:" + "a" * 64


def document(**states: str) -> Tenants:
    """A document with versions of one circuit, by number."""
    circuits = {
        f"ansatz@{number[1:]}": CircuitEntry(digest=DIGEST, size=9, owner="ann", parameters=("theta",), state=state)
        for number, state in states.items()
    }
    return Tenants.model_validate({"tenant": {"acme": {"circuit": {k: it.model_dump() for k, it in circuits.items()}}}})


def in_force(desired: Tenants) -> Directory:
    found = Directory()
    for event in changes(Directory(), desired, "ada"):
        found.take(event)
    return found


def test_each_version_is_a_fact_and_the_fold_gives_the_document_back() -> None:
    desired = document(v1="released", v2="canary")
    events = [it for it in changes(Directory(), desired, "ada") if isinstance(it, CircuitDefined)]
    assert [(it.data.circuit, it.data.version, it.data.state) for it in events] == [
        ("ansatz", 1, "released"), ("ansatz", 2, "canary"),
    ]  # fmt: skip
    assert in_force(desired).document().tenant["acme"].circuit == desired.tenant["acme"].circuit
    assert changes(in_force(desired), desired, "ada") == []
    assert parse_tenants(tenants_toml(desired)) == desired


def test_a_state_that_is_not_known_is_withdrawn() -> None:
    (event,) = (it for it in changes(Directory(), document(v1="draft"), "ada") if isinstance(it, CircuitDefined))
    later = event.model_copy(update={"data": event.data.model_copy(update={"state": "blessed"})})
    directory = in_force(document(v1="draft"))
    directory.take(later)
    assert directory.tenant["acme"].circuit["ansatz@1"].state == "withdrawn"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("draft", "canary"),
        ("canary", "released"),
        ("draft", "withdrawn"),
        ("released", "withdrawn"),
        ("draft", "draft"),
    ],
)
def test_steps_that_may_be_made(before: str, after: str) -> None:
    assert faults(in_force(document(v1=before)), document(v1=after)) == []


@pytest.mark.parametrize(
    ("before", "after"), [("draft", "released"), ("released", "canary"), ("canary", "draft"), ("withdrawn", "draft")]
)
def test_steps_that_may_not(before: str, after: str) -> None:
    (why,) = faults(in_force(document(v1=before)), document(v1=after))
    assert f"is {before} and cannot become {after}" in why


def test_a_version_neither_changes_nor_goes() -> None:
    current = in_force(document(v1="released"))
    assert "receipts may name it" in faults(current, document())[0]
    entry = document(v1="released").tenant["acme"].circuit["ansatz@1"].model_copy(update={"owner": "bob"})
    other = Tenants.model_validate({"tenant": {"acme": {"circuit": {"ansatz@1": entry.model_dump()}}}})
    assert "never changes" in faults(current, other)[0]


@pytest.mark.parametrize("key", ["ansatz", "ansatz@0", "ansatz@x", "An@1", "@1"])
def test_a_key_is_a_name_and_a_number(key: str) -> None:
    with pytest.raises(BadTenants):
        parse_tenants(f'[tenant.acme.circuit."{key}"]\ndigest = "{DIGEST}"\nsize = 9\nowner = "ann"\n')
