"""Evidence that may be looked at after every job: e-values of a coin."""

from __future__ import annotations

from math import inf

__all__ = ["evidence", "mismatch"]


def evidence(hits: int, trials: int, null: float) -> float:
    """How strongly a coin's tosses speak against "its probability is at most `null`".

    The e-value is the likelihood ratio of the tosses, averaged over all larger probabilities with equal weight:

        integral over p from null to 1 of (p/null)^hits ((1-p)/(1-null))^(trials-hits) dp / (1-null)

    It is a nonnegative supermartingale of mean at most 1 while the hypothesis is true (Robbins 1970; Ramdas et al.
    2023, arXiv:2210.01948). So by Ville's inequality it ever reaches 1/alpha with probability alpha at most, however
    often it is looked at. The integral is an incomplete beta function: a sum over the hits.

    Args:
        hits: tosses with the outcome whose probability is in question, such as failures of the candidate.
        trials: all tosses.
        null: the largest probability of the hypothesis, above 0 and below 1.

    Returns:
        A nonnegative number; 1 without tosses, infinity beyond the range of a float.

    Raises:
        ValueError: the counts are impossible, or `null` is no probability between 0 and 1.
    """
    if not 0 <= hits <= trials:
        raise ValueError(f"{hits} of {trials} is impossible")
    if not 0 < null < 1:
        raise ValueError(f"{null} is not between 0 and 1")
    # P(Binomial(trials + 1, null) <= hits), in units of P(Binomial(trials, null) = hits), from the largest term down.
    term = (trials + 1) / (trials + 1 - hits) * (1 - null)
    total, odds = term, (1 - null) / null
    for it in range(hits, 0, -1):
        before = total
        term *= it / (trials + 2 - it) * odds
        total += term
        if total in {before, inf}:  # terms rise up to the mode and then fall: what is left is nothing
            break
    return total / ((1 - null) * (trials + 1))


def mismatch(candidates: int, units: int, share: float) -> float:
    """How strongly the sizes of two arms speak against the share that was planned, in both directions."""
    more = evidence(candidates, units, share)
    fewer = evidence(units - candidates, units, 1 - share)
    return (more + fewer) / 2
