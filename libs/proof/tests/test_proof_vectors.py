"""Known answers that others published, for every algorithm that a signature may name."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from queuebit_proof.algorithms import Algorithm, is_signed

DOCUMENT = json.loads((Path(__file__).parent / "wycheproof.json").read_text())


@pytest.mark.parametrize("vector", DOCUMENT["vectors"], ids=lambda it: f"{it['algorithm']}-{it['id']}")
def test_a_published_signature_is_valid_or_not_as_published(vector: dict[str, Any]) -> None:
    key, message, signature = map(
        base64.b64decode, (DOCUMENT["keys"][vector["key"]], vector["message"], vector["signature"])
    )
    assert is_signed(Algorithm(vector["algorithm"]), key, signature, message) is vector["valid"], vector["comment"]


def test_every_algorithm_has_published_answers_of_both_kinds() -> None:
    found = {(it["algorithm"], it["valid"]) for it in DOCUMENT["vectors"]}
    assert found == {(str(algorithm), valid) for algorithm in Algorithm for valid in (True, False)}
