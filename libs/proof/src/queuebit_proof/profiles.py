"""Which signatures are required, by profile of a deployment.

The rules are constants here, not values of a document, so that no document can require less.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from queuebit_proof.algorithms import Algorithm

__all__ = ["PROFILES", "Profile", "Purpose", "algorithms_for"]


class Purpose(StrEnum):
    """What a key may sign; a key has only one purpose."""

    STATEMENT = "statement"
    CHECKPOINT = "checkpoint"


class Profile(StrEnum):
    """The algorithms of a deployment. A later profile is stronger, and a log never returns to an earlier one."""

    DEFAULT = "default"
    CNSA2 = "cnsa2"
    """Category 5 of FIPS 204 (CNSA 2.0): all that is signed is signed with ML-DSA-87."""


PROFILES: Final[Mapping[Profile, Mapping[Purpose, tuple[Algorithm, ...]]]] = {
    Profile.DEFAULT: {
        Purpose.STATEMENT: (Algorithm.ED25519, Algorithm.ML_DSA_65),
        Purpose.CHECKPOINT: (Algorithm.ED25519, Algorithm.ML_DSA_44),
    },
    Profile.CNSA2: {
        Purpose.STATEMENT: (Algorithm.ED25519, Algorithm.ML_DSA_87),
        Purpose.CHECKPOINT: (Algorithm.ED25519, Algorithm.ML_DSA_44, Algorithm.ML_DSA_87),
    },
}
"""All signatures of a purpose are required, so that breaking one algorithm or removing one signature is not enough.

Other programs read heads by Ed25519 and ML-DSA-44, the types of C2SP; therefore `cnsa2` adds its signature to them.
"""


def algorithms_for(purpose: Purpose) -> frozenset[Algorithm]:
    """All algorithms that a key of this purpose may have."""
    return frozenset(it for required in PROFILES.values() for it in required[purpose])
