"""The registry, and what every template promises."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from queuebit_contracts.program import MAX_CIRCUITS, MAX_ITEMS
from queuebit_quantum import parse
from queuebit_templates import (
    BadParameters,
    Broken,
    BrokenTemplate,
    Estimate,
    Item,
    Measured,
    Parameters,
    Program,
    Reading,
    Steps,
    Template,
    UnknownTemplate,
    described,
    find,
    from_texts,
    installed,
    names,
    registry,
    validated,
)

from .runs import by_shots, driven

ALL = names()
_FINE = find("bell")


class _Reserved(Parameters):
    backend: str = "x"


def _steps(given: _Reserved) -> Steps:
    yield Program((), 1)
    return Reading(given.backend, {})


reserved = Template(name="reserved", summary="", parameters=_Reserved, steps=_steps, values={}, source="")


def test_the_promised_templates_are_there() -> None:
    assert {*ALL} >= {
        "bell", "ghz", "qft", "grover", "phase-estimation", "vqe", "qaoa-maxcut", "qaoa-portfolio", "quantum-kernel",
        "qrng", "bb84", "e91", "error-detection", "randomised-benchmarking", "mirror", "qubo",
        "anomaly-kernel",
    }  # fmt: skip
    assert all(isinstance(it, Template) for it in installed())


@pytest.mark.parametrize("name", ALL)
def test_a_template_documents_its_parameters_and_values(name: str) -> None:
    template = find(name)
    assert template.summary
    assert template.source
    for row in described(template):
        assert row["meaning"], row
        assert row["default"] is not None or row["parameter"] == "iterations", row
    assert template.example.keys() <= template.parameters.model_fields.keys()
    assert validated(template, template.example) != validated(template, {})


def small(template: Template[Any]) -> dict[str, Any]:  # of its own parameters
    """Values with which a template has few circuits."""
    least = {"grid": 2, "samples": 1, "signals": 64, "pairs": 64}
    return {name: it for name, it in least.items() if name in template.parameters.model_fields}


def run(program: Program, item: Item) -> Measured:
    """By shots; expectation values are as good as any here."""
    if item.observables:
        return Measured(expectations=tuple(Estimate(0.5, 0.1) for _ in item.observables))
    return by_shots(program, item)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("example", [False, True], ids=["defaults", "example"])
def test_a_template_runs_and_gives_the_values_that_it_documents(name: str, example: bool) -> None:
    template = find(name)
    values = {**(template.example if example else {})}
    values |= small(template)
    reading, programs = driven(name, run, **values)
    assert reading.values.keys() == template.values.keys()
    assert reading.summary
    json.dumps(dict(reading.values), allow_nan=False)
    assert len(programs) <= template.jobs(validated(template, values))
    for program in programs:
        assert len({it.source for it in program.items}) <= MAX_CIRCUITS
        assert len(program.items) <= MAX_ITEMS


@pytest.mark.parametrize("name", ALL)
def test_the_same_parameters_and_results_give_the_same_programs_and_reading(name: str) -> None:
    def constant(program: Program, item: Item) -> Measured:
        shots = item.shots or program.shots
        width = item.source.count("= measure q[") or int(item.source.partition("bit[")[2].partition("]")[0] or 1)
        return Measured({"0" * width: shots}, ("0" * width,) * shots, tuple(Estimate(0.5) for _ in item.observables))

    values = small(find(name))
    assert driven(name, constant, **values) == driven(name, constant, **values)


@pytest.mark.parametrize("name", ALL)
def test_the_platform_reads_every_circuit(name: str) -> None:
    program = find(name).first(validated(find(name), small(find(name))))
    for item in (program.items[0], program.items[-1]):
        circuit = parse(item.source, parameters=dict(item.parameters), measured=not item.observables)
        assert circuit.features <= {"mid_circuit_measurement"}


def test_texts_become_values() -> None:
    assert from_texts(find("grover"), {"marked": "110", "iterations": "2"}).model_dump() == {
        "marked": "110", "iterations": 2, "shots": 1000,
    }  # fmt: skip
    assert from_texts(find("bell"), {"state": "psi-"}).model_dump()["state"] == "psi-"
    given = from_texts(find("qaoa-maxcut"), {"edges": "[[0, 1], [1, 2, 0.5]]"}).model_dump()
    assert given["edges"] == ((0, 1), (1, 2, 0.5))
    with pytest.raises(BadParameters, match="edges"):
        from_texts(find("qaoa-maxcut"), {"edges": "[" * 100_000})


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("ghz", {"n": 1, "shots": 0, "m": 3}, r"n: .*2.*; shots: .*1.*; there is no parameter 'm'.*are: n, shots"),
        ("grover", {"marked": "10,110"}, "one length"),
        ("grover", {"marked": "00,01,10,11"}, "leave out at least one"),
        ("qft", {"n": 3, "x": 8}, "larger n"),
        ("qaoa-maxcut", {"edges": [[1, 1]]}, "two different vertices"),
        ("qaoa-portfolio", {"choose": 5}, "below the number of assets"),
        ("vqe", {"hamiltonian": {"ZZ": 1, "X": 1}}, "one length"),
        ("quantum-kernel", {"labels": [1]}, "labels must be 8"),
        ("anomaly-kernel", {"points": [[0.1]]}, "same number of features"),
        ("error-detection", {"error": "W9"}, "X, Y or Z"),
        ("mirror", {"depths": [0]}, "1 to 200"),
        ("randomised-benchmarking", {"lengths": [5, 5]}, "different numbers"),
        ("qubo", {"terms": [[0, -1, 2]]}, "number the variables from 0"),
        ("phase-estimation", {"phase": float("nan")}, "finite"),
    ],
)
def test_bad_parameters_are_refused_with_every_fault(name: str, values: dict[str, Any], text: str) -> None:
    with pytest.raises(BadParameters, match=text):
        validated(find(name), values)


def test_an_unknown_name_is_answered_with_a_similar_one() -> None:
    with pytest.raises(UnknownTemplate, match="did you mean grover"):
        find("grovr")


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry points of another package beside ours."""
    theirs = [
        EntryPoint("acme-bell", "queuebit_templates.entangled:bell", registry.GROUP),
        EntryPoint("acme-missing", "acme_templates:x", registry.GROUP),
        EntryPoint("acme-no-template", "json:dumps", registry.GROUP),
        EntryPoint("bell", "json:dumps", registry.GROUP),
    ]
    ours = [*registry._entries().values()]
    monkeypatch.setattr(registry, "entry_points", lambda group: [*ours, *theirs])


@pytest.mark.usefixtures("others")
def test_a_broken_template_does_not_hide_the_others() -> None:
    broken = {it.name: it.reason for it in installed() if isinstance(it, Broken)}
    assert broken.keys() == {"acme-bell", "acme-missing", "acme-no-template"}
    assert "its entry point 'acme-bell'" in broken["acme-bell"]
    assert "ModuleNotFoundError" in broken["acme-missing"]
    assert "not a queuebit_templates.Template" in broken["acme-no-template"]
    assert find("bell") is _FINE, "of two with one name ours counts"
    with pytest.raises(BrokenTemplate):
        find("acme-missing")


def test_a_template_cannot_take_the_names_of_options(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("reserved", "json:dumps", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry])
    monkeypatch.setattr(EntryPoint, "load", lambda _: reserved)
    with pytest.raises(BrokenTemplate, match="reserved names: backend"):
        find("reserved")


def test_the_template_of_the_documentation_works() -> None:
    page = (Path(__file__).parents[3] / "docs" / "templates.md").read_text()
    source = page.partition("## Write one")[2].partition("```python\n")[2].partition("```")[0]
    names_of_the_page: dict[str, Any] = {"__name__": "coin"}  # of Python
    exec(source, names_of_the_page)
    coin: Template[Any] = names_of_the_page["coin"]  # of its own parameters
    given = validated(coin, {"shots": 10})
    steps = coin.steps(given)
    assert next(steps).shots == 10
    with pytest.raises(StopIteration) as end:
        steps.send([Measured({"1": 4, "0": 6})])
    assert end.value.value.values == {"heads": 0.4}
    assert end.value.value.values.keys() == coin.values.keys()
