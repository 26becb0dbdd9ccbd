"""Each event type against each release, both ways round; and proof that this check can fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from queuebit_contracts.catalog import EVENTS
from queuebit_contracts.generate import schema_of
from queuebit_contracts.wire import VALUES

from .compatibility import NEW_READS_OLD, OLD_READS_NEW, Schema, Waiver, breaks, waivers

ROOT = Path(__file__).parents[1]
RELEASED = sorted((ROOT / "released").glob("*/*.json"))
WAIVERS = waivers(ROOT / "waivers.toml")


def waived(path: Path) -> list[Waiver]:
    return [it for it in WAIVERS if (it.release, it.type) == (path.parent.name, path.stem)]


def test_no_schema_of_the_first_release_is_missing() -> None:
    assert len([path for path in RELEASED if path.parent.name == "0.1.0"]) == 18


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_readers_and_writers_of_all_releases_agree(path: Path) -> None:
    old, new = json.loads(path.read_text()), schema_of(EVENTS[path.stem])
    assert breaks(old=old, new=new, waived=waived(path)) == []


def test_each_waiver_is_of_a_break_and_says_why() -> None:
    for waiver in WAIVERS:
        path = ROOT / "released" / waiver.release / f"{waiver.type}.json"
        others = [it for it in waived(path) if it != waiver]
        old, new = json.loads(path.read_text()), schema_of(EVENTS[waiver.type])
        assert breaks(old=old, new=new, waived=others), f"{waiver.field} breaks nothing: remove its waiver"
        assert len(waiver.reason) > 20
        assert waiver.approved_by


OLD: Schema = {
    "type": "object",
    "properties": {"data": {"$ref": "#/$defs/Asked"}},
    "required": ["data"],
    "$defs": {
        "Asked": {
            "type": "object",
            "properties": {
                "shots": {"type": "integer", "minimum": 0},
                "tenant": {"type": "string", "pattern": "^[a-z]+$"},
                "label": {"anyOf": [{"type": "string", "maxLength": 200}, {"type": "null"}]},
                "kind": {"type": "string", "enum": ["simulator", "qpu"]},
                "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}},
            },
            "required": ["shots", "tenant", "kind"],
        }
    },
}


def changed(change: Callable[[Schema, list[str]], object]) -> Schema:
    new: Schema = json.loads(json.dumps(OLD))
    asked = new["$defs"]["Asked"]
    change(asked["properties"], asked["required"])
    return new


def test_nothing_is_wrong_between_equal_schemas() -> None:
    assert breaks(old=OLD, new=OLD) == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda it, _: it.update(extra={"type": "string"}), id="an optional field is new"),
        pytest.param(lambda it, _: it.update(kind={"type": "string", VALUES: ["simulator", "qpu"]}), id="opened"),
    ],
)
def test_what_is_harmless_passes(change: Callable[[Schema, list[str]], object]) -> None:
    assert breaks(old=OLD, new=changed(change)) == []


@pytest.mark.parametrize(
    ("change", "directions"),
    [
        pytest.param(lambda it, _: it.update(shots={"type": "string"}), {NEW_READS_OLD, OLD_READS_NEW}, id="type"),
        pytest.param(lambda it, _: it["shots"].update(type=["integer", "string"]), {OLD_READS_NEW}, id="wider type"),
        pytest.param(
            lambda it, required: (it.pop("shots"), required.remove("shots")),
            {NEW_READS_OLD, OLD_READS_NEW},
            id="a required field is removed",
        ),
        pytest.param(lambda it, _: it.pop("label"), {NEW_READS_OLD}, id="an optional field is removed"),
        pytest.param(lambda it, _: it.update(title=it.pop("label")), {NEW_READS_OLD}, id="a field is renamed"),
        pytest.param(lambda _, required: required.append("label"), {NEW_READS_OLD}, id="a field becomes required"),
        pytest.param(lambda _, required: required.remove("shots"), {OLD_READS_NEW}, id="a field becomes optional"),
        pytest.param(
            lambda it, _: it["tenant"].update(pattern="^[a-z]{3}$"),
            {NEW_READS_OLD, OLD_READS_NEW},
            id="a pattern is narrowed",
        ),
        pytest.param(lambda it, _: it["tenant"].pop("pattern"), {OLD_READS_NEW}, id="a pattern is dropped"),
        pytest.param(lambda it, _: it["tags"]["items"].pop("pattern"), {OLD_READS_NEW}, id="a pattern in a list"),
        pytest.param(lambda it, _: it["label"]["anyOf"][0].update(maxLength=9), {NEW_READS_OLD}, id="shorter text"),
        pytest.param(lambda it, _: it["label"]["anyOf"][0].update(maxLength=900), {OLD_READS_NEW}, id="longer text"),
        pytest.param(lambda it, _: it["kind"].update(enum=["simulator"]), {NEW_READS_OLD}, id="a value is gone"),
        pytest.param(
            lambda it, _: it.update(kind={"type": "string", VALUES: ["simulator", "qpu", "annealer"]}),
            {OLD_READS_NEW},
            id="a value is written that a closed reader does not know",
        ),
    ],
)
def test_the_check_fails(change: Callable[[Schema, list[str]], object], directions: set[str]) -> None:
    assert {it.partition(":")[0] for it in breaks(old=OLD, new=changed(change))} == directions


def test_a_waiver_covers_its_field_in_its_direction_and_nothing_else() -> None:
    new = changed(lambda it, _: it["tenant"].pop("pattern"))
    waiver = Waiver("0.1.0", "qb.job.submitted.v1", OLD_READS_NEW, "data.tenant", "because of this test", "the author")
    assert breaks(old=OLD, new=new, waived=[waiver]) == []
    assert breaks(old=OLD, new=new, waived=[waiver._replace(direction=NEW_READS_OLD)])
    assert breaks(old=OLD, new=new, waived=[waiver._replace(field="data.shots")])

    def alter(it: Schema, required: list[str]) -> None:
        del it["tenant"]["pattern"], it["shots"]
        required.remove("shots")

    assert breaks(old=OLD, new=changed(alter), waived=[waiver])
