"""The Qiskit examples on a real stack, with results that are known."""

from __future__ import annotations

import pytest
from examples.qiskit import chsh, kernel, qaoa, repetition_code, trotter, vqe

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120), pytest.mark.usefixtures("in_home")]


def test_vqe_comes_near_the_ground_state() -> None:
    """The lowest of twenty estimates may lie below the energy by three standard errors of about 0.01."""
    assert -0.03 < vqe.main(maxiter=20) < 0.3


def test_qaoa_finds_the_largest_cut() -> None:
    assert qaoa.main(maxiter=12) == 5


def test_a_kernel_of_64_circuits_is_one_job() -> None:
    assert kernel.main() >= 0.75


def test_an_emulated_device_breaks_the_classical_limit() -> None:
    assert 2.2 < chsh.main() < 2.9


def test_conditions_correct_every_flip() -> None:
    assert repetition_code.main() == [1.0, 1.0, 1.0]


def test_time_evolution_agrees_with_the_exact_one() -> None:
    """Four terms of weight 1/4 in one basis: a standard error of at most 0.03."""
    assert trotter.main() < 5 * 0.03
