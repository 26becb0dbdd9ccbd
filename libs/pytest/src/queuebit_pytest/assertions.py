"""The assertion about distributions, also for programs that do not use the fixture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from queuebit_ci.significance import compare

__all__ = ["assert_distribution"]

_SHOWN = 8


def assert_distribution(
    counts: Mapping[str, int],
    expected: Mapping[str, float],
    *,
    alpha: float = 1e-4,
    tolerance: float = 0.0,
    seed: int = 0,
) -> None:
    """Fail unless the counts fit the expected distribution, as `queuebit_ci.significance.compare` tests it.

    Args:
        counts: shots by bit string.
        expected: probabilities by bit string; they sum to 1.
        alpha: the false alarm rate: how often a correct program fails.
        tolerance: total variation that is allowed, such as the noise of a device.
        seed: of the simulated experiments behind the p-value.

    Raises:
        AssertionError: the counts do not fit; the text states p-value, tolerance, alpha and seed.
        ValueError: there are no counts, or the probabilities do not sum to 1.
    """
    __tracebackhide__ = True
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha:g}: give a rate between 0 and 1")
    found = compare(counts, expected, tolerance=tolerance, seed=seed, resolution=alpha)
    if found.p_value > alpha:
        return
    allowed = f" within a total variation of {tolerance:g}" if tolerance else ""
    lines = [
        f"{found.shots:,} shots do not fit the expected distribution{allowed}: p = {found.p_value:.2g}",
        f"the test fails at p = {alpha:g} or less, which a correct program reaches in {alpha:g} of cases at most",
        f"distance {found.distance:.4f}, method {found.method}, seed {seed}",
        *_rows(counts, expected, found.shots),
    ]
    raise AssertionError("\n".join(lines))


def _rows(counts: Mapping[str, int], expected: Mapping[str, float], shots: int) -> Iterator[str]:
    """The outcomes that differ most."""
    shares = {it: (counts.get(it, 0) / shots, expected.get(it, 0.0)) for it in (*counts, *expected)}
    ranked = sorted(shares, key=lambda it: (-abs(shares[it][0] - shares[it][1]), it))
    yield f"  {'bits':{len(ranked[0])}}  measured  expected"
    for it in ranked[:_SHOWN]:
        yield f"  {it:4}  {shares[it][0]:8.4f}  {shares[it][1]:8.4f}"
    if len(ranked) > _SHOWN:
        yield f"  and {len(ranked) - _SHOWN} more outcomes"
