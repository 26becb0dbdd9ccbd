"""Tests of the circuits, with the plugin of queuebit-pytest; `-m "not qb_stack"` needs no stack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from queuebit_pytest.clients import SessionClient
    from queuebit_pytest.local import Local

CIRCUITS = Path(__file__).parent / "circuits"


def test_the_pair_agrees(qb_client: SessionClient, qb_seed: int, assert_distribution: Callable[..., None]) -> None:
    """On the stack that QUEUEBIT_CREDENTIAL or QUEUEBIT_HOME names."""
    counts = qb_client.submit(CIRCUITS / "bell.qasm", shots=4000, seed=qb_seed).result().counts
    assert_distribution(counts, {"00": 0.5, "11": 0.5})


def test_the_pair_on_a_noisy_device(qb_local: Local, qb_seed: int, assert_distribution: Callable[..., None]) -> None:
    """In the emulator on this machine: a device with errors is a little off, and the tolerance says how much."""
    counts = qb_local.counts(CIRCUITS / "bell.qasm", shots=4000, seed=qb_seed, backend="emulated-ibm-torino")
    assert_distribution(counts, {"00": 0.5, "11": 0.5}, tolerance=0.05)


def test_one_excitation_is_shared_by_three(
    qb_local: Local, qb_seed: int, assert_distribution: Callable[..., None]
) -> None:
    """In the ideal simulator on this machine."""
    counts = qb_local.counts(CIRCUITS / "w3.qasm", shots=4000, seed=qb_seed)
    assert_distribution(counts, {"001": 1 / 3, "010": 1 / 3, "100": 1 / 3})
