"""Keys, random bits and the error-detecting code."""

from __future__ import annotations

from itertools import product
from math import sqrt
from random import Random

import pytest

from queuebit_templates import Item, Measured, Program, find
from queuebit_templates.key_rates import secret_fraction, secret_length
from queuebit_templates.randomness import _monobit, _runs
from queuebit_templates.reconciliation import cascade

from .runs import by_shots, driven, exact


def number(value: object) -> float:
    return float(str(value))


def test_without_an_eavesdropper_no_bit_differs() -> None:
    reading, _ = driven("bb84", by_shots, signals=2000)
    assert (reading.values["errors"], reading.values["error_rate"]) == (0, 0.0)
    assert reading.values["alice_key"] == reading.values["bob_key"] != ""
    assert number(reading.values["sifted"]) == pytest.approx(1000, abs=5 * sqrt(500))
    assert reading.values["secret_fraction"] == 1.0


def test_an_eavesdropper_causes_a_quarter_of_errors_and_no_key() -> None:
    reading, (program,) = driven("bb84", by_shots, signals=8000, eavesdropper=True)
    compared = number(reading.values["compared"])
    assert number(reading.values["error_rate"]) == pytest.approx(0.25, abs=5 * sqrt(0.25 * 0.75 / compared))
    assert (reading.values["accepted"], reading.values["alice_key"]) == (False, "")
    assert len(program.items) == 16, "each combination of choices is one circuit"
    assert sum(it.shots or 0 for it in program.items) == 8000


def test_each_signal_is_one_shot_of_its_circuit_and_noise_is_counted() -> None:
    """A channel that flips every bit in the X basis: a quarter of all signals, half of the sifted ones."""

    def run(program: Program, item: Item) -> Measured:
        measured = by_shots(program, item)
        if item.source.count("h q[0];") < 2:
            return measured
        return Measured({}, tuple("1" if it == "0" else "0" for it in measured.memory))

    reading, _ = driven("bb84", run, signals=4000)
    assert number(reading.values["error_rate"]) == pytest.approx(0.5, abs=0.08)


def test_a_partial_eavesdropper_costs_bits_and_the_key_stays_equal() -> None:
    """Of one qubit in ten that Eve measures, a quarter differ: corrected, and what she knows is hashed away."""
    alone, _ = driven("bb84", by_shots, signals=12_000)
    watched, _ = driven("bb84", by_shots, signals=12_000, eavesdropper=True, intercept=0.1)
    compared = number(watched.values["compared"])
    assert number(watched.values["error_rate"]) == pytest.approx(0.025, abs=5 * sqrt(0.025 * 0.975 / compared))
    assert watched.values["alice_key"] != watched.values["bob_key"]
    assert 40 < number(watched.values["corrected"]) < 120
    for reading in (alone, watched):
        assert reading.values["verified"] is True
        assert reading.values["alice_secret"] == reading.values["bob_secret"] != ""
        assert len(str(reading.values["alice_secret"])) == reading.values["secret_bits"]
    assert 500 < number(watched.values["secret_bits"]) < number(alone.values["secret_bits"]) - 500
    assert "privacy amplification leaves a key of" in watched.summary


def test_few_signals_give_no_secret_key() -> None:
    reading, _ = driven("bb84", by_shots, signals=500)
    assert (reading.values["accepted"], reading.values["secret_bits"]) == (True, 0)
    assert "too few for a secret key: send more signals" in reading.summary
    watched, _ = driven("bb84", by_shots, signals=500, eavesdropper=True)
    assert (watched.values["verified"], watched.values["leaked"], watched.values["alice_secret"]) == (False, 0, "")


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.03, 0.06, 0.1])
def test_error_correction_finds_all_errors_and_leaks_little(rate: float) -> None:
    """Ten keys of 4,000 bits: at most one still differs; what is said in public is near the limit n h(e)."""
    left, leaked = 0, list[float]()
    for seed in range(10):
        draw = Random(seed)
        alice = [draw.getrandbits(1) for _ in range(4_000)]
        bob = [it ^ (draw.random() < rate) for it in alice]
        found = cascade(alice, bob, max(rate, 0.001), draw)
        differ = sum(one != other for one, other in zip(found.key, alice, strict=True))
        left += differ > 0
        leaked.append(found.leaked)
        assert found.corrected >= sum(one != other for one, other in zip(alice, bob, strict=True)) - differ
    limit = 4_000 * (1 - secret_fraction(rate)) / 2
    assert left <= 1
    assert limit <= sum(leaked) / 10 <= 1.3 * limit + 20


def test_error_correction_of_short_keys() -> None:
    assert cascade([], [], 0.1, Random(1)).key == []
    assert cascade([1], [0], 0.1, Random(1)).key == [1]


def test_the_length_of_a_secret_key_falls_with_errors_leaks_and_few_compared_bits() -> None:
    assert secret_length(10_000, 10_000, 0.0, 0) == pytest.approx(10_000 * (1 - 0.304), rel=0.01), "margin 5.4 %"
    assert secret_length(10**9, 10**9, 0.02, 0) == pytest.approx(10**9 * (1 - 0.1414), rel=0.01), "1 - h(e) of many"
    lengths = [
        secret_length(5_000, compared, 0.02, leaked) for compared, leaked in ((5_000, 0), (5_000, 700), (500, 0))
    ]
    assert lengths[0] == lengths[1] + 700
    assert lengths[2] < lengths[0]
    assert secret_length(5_000, 5_000, 0.11, 3_000) == secret_length(0, 5, 0.0, 0) == secret_length(5, 0, 0.0, 0) == 0


@pytest.mark.parametrize(("eve", "wanted"), [(False, 2 * sqrt(2)), (True, sqrt(2))])
def test_entangled_pairs_violate_the_inequality_unless_intercepted(eve: bool, wanted: float) -> None:
    reading, _ = driven("e91", by_shots, pairs=9000, eavesdropper=eve)
    assert number(reading.values["chsh"]) == pytest.approx(wanted, abs=5 * number(reading.values["chsh_stderr"]))
    assert reading.values["accepted"] is not eve
    if not eve:
        assert reading.values["error_rate"] == 0.0
        assert reading.values["alice_key"] == reading.values["bob_key"]
        assert len(str(reading.values["alice_key"])) == reading.values["key_bits"]


def test_no_secret_is_left_at_eleven_percent() -> None:
    assert secret_fraction(0.0) == 1.0
    assert secret_fraction(0.109) > 0 == secret_fraction(0.111) == secret_fraction(0.5)


@pytest.mark.parametrize(
    ("state", "error"), [*product(("00", "01", "10", "11"), ["none", *(f"{p}{q}" for p in "XYZ" for q in range(4))])]
)
def test_the_code_detects_every_single_error(state: str, error: str) -> None:
    reading, _ = driven("error-detection", exact, state=state, error=error)
    syndrome = {"n": "00", "X": "10", "Z": "01", "Y": "11"}[error[0]]
    syndromes = reading.values["syndromes"]
    assert isinstance(syndromes, dict)
    assert {it for it, count in syndromes.items() if count} == {syndrome}
    assert reading.values["accepted"] == pytest.approx(1.0 if error == "none" else 0.0)
    assert reading.values["error_rate"] == (0.0 if error == "none" else None)
    assert reading.values["error_rate_without_detection"] == pytest.approx(1.0 if error[0] in "XY" else 0.0)


def test_random_bits_pass_their_checks_and_constant_ones_do_not() -> None:
    reading, (program,) = driven("qrng", by_shots, bits=1000, n=7)
    assert (len(str(reading.values["bits"])), program.shots) == (1000, 143)
    assert reading.values["passed"] is True
    assert 0.75 < number(reading.values["min_entropy_per_bit"]) <= 1
    assert int(str(reading.values["hex"]), 16) == int(str(reading.values["bits"]), 2)

    def stuck(program: Program, item: Item) -> Measured:
        return Measured({}, ("1" * 7,) * program.shots)

    broken, _ = driven("qrng", stuck, bits=1000, n=7)
    assert (broken.values["passed"], broken.values["min_entropy_per_bit"]) == (False, 0.0)


def test_qubits_of_a_shot_are_read_in_their_order() -> None:
    def run(program: Program, item: Item) -> Measured:
        return Measured({}, ("001",) * program.shots)

    reading, _ = driven("qrng", run, bits=9, n=3)
    assert reading.values["bits"] == "100100100"


def test_the_checks_have_the_values_of_the_standards_examples() -> None:
    """NIST SP 800-22, revision 1a, sections 2.1.8 and 2.3.8: the first 100 binary digits of pi."""
    digits = "1100100100001111110110101010001000100001011010001100001000110100110001001100011001100010100010111000"
    assert len(digits) == 100
    assert _monobit(digits) == pytest.approx(0.109599, abs=1e-6)
    assert _runs(digits) == pytest.approx(0.500798, abs=1e-6)
    assert _runs("1001101011") == pytest.approx(0.147232, abs=1e-6)
    assert find("qrng").values["runs_p"]
