"""Rules of data protection: what may not be in a submission, and what is masked in outputs. Pure.

`document` is what an operator writes, `detectors` has what is built in, `rules` finds it in the fields of a submission,
and `masking` replaces it in output.
"""

from queuebit_protection.document import FIELDS, ProtectionDocument, ProtectionRule, parse_protection
from queuebit_protection.masking import Masker, mask_json
from queuebit_protection.rules import Finding, Rules

__all__ = [
    "FIELDS",
    "Finding",
    "Masker",
    "ProtectionDocument",
    "ProtectionRule",
    "Rules",
    "mask_json",
    "parse_protection",
]
