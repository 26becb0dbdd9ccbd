"""The detectors by name, and how one continues from its stored state."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from queuebit_drift.bayes import Bayesian
from queuebit_drift.cusum import Cusum
from queuebit_drift.detection import Detector
from queuebit_drift.errors import BadState
from queuebit_drift.page_hinkley import PageHinkley

__all__ = ["DETECTORS", "restored"]

_Kind = type[Cusum] | type[PageHinkley] | type[Bayesian]

DETECTORS: Final[Mapping[str, _Kind]] = MappingProxyType({it.name: it for it in (Cusum, PageHinkley, Bayesian)})
"""Each detector with its default setting, by name."""


def restored(state: Mapping[str, object]) -> Detector:
    """The detector that wrote this state.

    Raises:
        BadState: no detector of this version wrote it.
        BadSetting: its settings are outside of their bounds.
    """
    kind = DETECTORS.get(str(state.get("detector")))
    if kind is None:
        raise BadState(f"there is no detector {state.get('detector')!r:.60}: this version has {', '.join(DETECTORS)}")
    return kind.restored(state)
