"""Policies and expected distributions: what they may say, and how faults are named."""

import json
from pathlib import Path

import jsonschema
import pytest

from queuebit.errors import InvalidInput
from queuebit_ci import schema
from queuebit_ci.expected import expected_file, read_expected
from queuebit_ci.patterns import matches
from queuebit_ci.policy import Policy, read_policy

ROOT = Path(__file__).parents[3]


def policy(folder: Path, text: str) -> Policy:
    (folder / "queuebit-ci.toml").write_text(text)
    return read_policy(folder / "queuebit-ci.toml")


def test_without_a_file_every_circuit_is_checked_and_nothing_is_limited() -> None:
    found = read_policy(None)
    assert found.circuits == ("**/*.qasm",)
    assert not found.gates.model_dump(exclude_none=True)


def test_the_last_rule_that_fits_replaces_a_limit(tmp_path: Path) -> None:
    text = """
        [gates]
        max_depth = 10
        max_cost = "1.00"
        [[circuit]]
        path = "deep/*.qasm"
        gates = { max_depth = 100 }
        [[circuit]]
        path = "deep/most.qasm"
        gates = { max_depth = 1000 }
    """
    found = policy(tmp_path, text)
    assert [found.gates_of(it).max_depth for it in ("a.qasm", "deep/b.qasm", "deep/most.qasm")] == [10, 100, 1000]
    assert found.gates_of("deep/b.qasm").max_cost == "1.00"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "x: there is no such key"),
        ("[gates]\nmax_cost = 3", "gates.max_cost: "),
        ('[gates]\nmax_cost_increase = "ten"', 'gates.max_cost_increase: write text like "10%"'),
        ('[gates]\nmax_cost = "-1"', 'gates.max_cost: write text like "0.50"'),
        ("[gates]\nmin_esp = 2", "gates.min_esp: "),
        ("[run]\nalpha = 0", "run.alpha: "),
        ("[run]\nshots = 0\nseed = -1", "run.seed: "),
        ("[[circuit]]", "circuit.0.path: "),
        ("= 3", "cannot be read: "),
    ],
)
def test_a_fault_is_named_with_its_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        policy(tmp_path, text)
    assert said in str(caught.value)
    assert "queuebit-ci.toml" in str(caught.value)


def test_a_missing_policy_is_not_the_default(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no policy"):
        read_policy(tmp_path / "none.toml")


def test_an_expected_distribution_lies_beside_its_circuit(tmp_path: Path) -> None:
    assert expected_file(tmp_path / "w.qasm") is None
    (tmp_path / "w.expected.toml").write_text('[probabilities]\n"01" = "1/3"\n"10" = "2/3"\n')
    (tmp_path / "v.expected.json").write_text('{"probabilities": {"0 1": 1}, "tolerance": 0.05, "shots": 10}')
    first, second = (expected_file(tmp_path / it) for it in ("w.qasm", "v.qasm"))
    assert first is not None
    assert second is not None
    assert read_expected(first).distribution() == {"01": pytest.approx(1 / 3), "10": pytest.approx(2 / 3)}
    assert (read_expected(second).tolerance, read_expected(second).shots) == (0.05, 10)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"probabilities": {"0": 0.5, "1": 0.4}}', "sum to 0.9, not 1"),
        ('{"probabilities": {"0": 0.5, "11": 0.5}}', "different lengths"),
        ('{"probabilities": {"2": 1}}', "probabilities.2"),
        ('{"probabilities": {}}', "probabilities"),
        ('{"probabilities": {"0": "1/0"}}', "probabilities.0: write a number from 0 to 1"),
        ('{"probabilities": {"0": NaN}}', "probabilities.0: write a number from 0 to 1"),
        ('{"probabilities": {"0": 1.5, "1": -0.5}}', "probabilities.1: write a number from 0 to 1"),
        ('{"probabilities": {"0": "half"}}', "probabilities.0: write a number from 0 to 1"),
        ('{"probabilities": {"0": "1e999999999"}}', "probabilities.0: write a number from 0 to 1"),
        ('{"probabilites": {"0": 1}}', "there is no such key"),
        ("[", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_a_wrong_expected_distribution_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "c.expected.json").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        read_expected(tmp_path / "c.expected.json")
    assert said in str(caught.value)
    assert str(caught.value).startswith("c.expected.json")


def test_the_schemas_are_fresh_and_describe_every_key() -> None:
    for name, text in schema.documents().items():
        assert (ROOT / "libs/ci/schemas" / name).read_text() == text, "run `make generate`"
        found = json.loads(text)
        jsonschema.Draft202012Validator.check_schema(found)
        for it in (found, *found.get("$defs", {}).values()):
            assert all({"description", "$ref"} & {*field} for field in it.get("properties", {}).values())


@pytest.mark.parametrize(
    ("path", "pattern", "fits"),
    [
        ("a.qasm", "**/*.qasm", True),
        ("a/b/c.qasm", "**/*.qasm", True),
        ("a/b.qasm", "*.qasm", False),
        ("a/b.qasm", "a/?.qasm", True),
        ("a/x/b.qasm", "a/**", True),
        ("a+b.qasm", "a+b.qasm", True),
        ("aab.qasm", "a+b.qasm", False),
    ],
)
def test_patterns(path: str, pattern: str, fits: bool) -> None:
    assert matches(path, pattern) is fits
