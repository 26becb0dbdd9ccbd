"""The operating curve of drift in calibrations: `python -m tests.bench.calibration_thresholds`, ten minutes.

The rules of `queuebit_drift` for logarithms, over many streams at once. Each stream has a reference and 16
calibrations after it; an alarm may have to be confirmed by the calibrations that follow.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

__all__ = ["found_at"]

_MAD, _FLOOR = 1.4826, 0.02
_EFFECT = math.log(1.3)


def _robust(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """As `queuebit_drift.noise.robust`, of each row."""
    middle = np.median(values, axis=1)[:, None]
    far = 3 * _MAD * np.median(np.abs(values - middle), axis=1)[:, None]
    cut = np.clip(values - middle, -far, far)
    mean = cut.mean(axis=1)
    variance = ((cut - mean[:, None]) ** 2).sum(axis=1) / (values.shape[1] - 1)
    return middle[:, 0] + mean, np.sqrt(variance) * (1 + 1 / math.sqrt(2 * values.shape[1]))


def found_at(
    rng: np.random.Generator,
    streams: int,
    factor: float,
    days: int,
    *,
    reference: int,
    threshold: float,
    confirmed: int = 0,
) -> NDArray[np.int64]:
    """After how many calibrations each stream has an alarm whose error is multiplied at once; 0 for never."""
    spread = rng.uniform(0.1, 0.3, streams)[:, None]
    values = rng.normal(0, 1, (streams, reference + days)) * spread
    values[:, reference:] += math.log(factor)
    centre, scale = _robust(values[:, :reference])
    scale = np.maximum(scale, _FLOOR)
    z = np.clip((values[:, reference:] - centre[:, None]) / scale[:, None], -3, 3)
    sums, since, above, found = np.zeros(streams), *(np.zeros(streams, np.int64) for _ in range(3))
    for day in range(days):
        sums = np.maximum(0, sums + z[:, day] - 1)
        since[sums == 0] = day + 1
        above = np.where(sums > threshold, above + 1, 0)
        for at in np.flatnonzero((above > confirmed) & (found == 0)):
            shifted = values[at : at + 1, reference + since[at] : reference + day + 1]
            after, _ = _robust(shifted)
            error = scale[at] * math.sqrt(1 / shifted.shape[1] + 1 / reference)
            if abs(after[0] - centre[at]) - 1.645 * error > _EFFECT:
                found[at] = day + 1
            else:
                sums[at], since[at], above[at] = 0, day + 1, 0
    return found


def _main() -> None:
    rng = np.random.default_rng(1)
    print("reference, threshold, confirmed | false alarms of a million | found within 7: times 2, 1.5, 3")
    rules = ((21, 6, 0), (21, 6, 1), (21, 6, 2), (21, 7, 0), (21, 7, 1), (21, 8, 0), (28, 6, 0), (28, 7, 0), (28, 8, 0))
    for reference, threshold, confirmed in rules:
        look = partial(found_at, rng, reference=reference, threshold=threshold, confirmed=confirmed)
        alarms = sum(int((look(500_000, 1, 16) > 0).sum()) for _ in range(10)) / 5
        shares = (float((look(20_000, it, 7) > 0).mean()) for it in (2, 1.5, 3))
        print(
            f"{reference}, {threshold}, {confirmed} | {alarms:.0f} | {', '.join(f'{it:.3f}' for it in shares)}",
            flush=True,
        )


if __name__ == "__main__":
    _main()
