"""The report as SARIF 2.1.0, so that failures appear beside the lines of a change."""

from __future__ import annotations

from importlib.metadata import version
from urllib.parse import quote

from queuebit_ci.model import Check, Report

__all__ = ["RULES", "sarif"]

RULES = {
    "circuit": "A circuit must be valid, and a backend must be able to run it.",
    "cost": "A circuit costs more than the policy allows.",
    "cost-increase": "A circuit became more expensive than the policy allows.",
    "depth": "A compiled circuit is deeper than the policy allows.",
    "depth-increase": "A compiled circuit became deeper than the policy allows.",
    "distribution": "A circuit does not measure its expected distribution.",
    "esp": "A circuit has a lower success probability than the policy allows.",
    "esp-drop": "The success probability of a circuit fell by more than the policy allows.",
    "fidelity": "The counts of a circuit have a lower fidelity than the policy allows.",
    "run": "A circuit did not run.",
    "total-cost": "All circuits together cost more than the policy allows.",
    "two-qubit-gates": "A compiled circuit has more two-qubit gates than the policy allows.",
    "two-qubit-increase": "A compiled circuit has more two-qubit gates than before, beyond what the policy allows.",
}
"""What each rule means, by its id."""

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(report: Report) -> dict[str, object]:
    """Failures of circuits as results; passed and skipped checks are in the other reports only."""
    names = [*RULES]
    driver = {
        "name": "queuebit",
        "semanticVersion": version("queuebit-ci"),
        "rules": [{"id": it, "shortDescription": {"text": text}} for it, text in RULES.items()],
    }
    results = [_result(path, it, names.index(it.rule)) for path, it in report.everything() if it.state == "failed"]
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _result(path: str, check: Check, index: int) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": check.rule,
        "ruleIndex": index,
        "level": "error",
        "message": {"text": check.text},
    }
    if not path:
        return result
    region = {"startLine": check.line or 1}
    if check.column is not None:
        region["startColumn"] = check.column
    place = {"physicalLocation": {"artifactLocation": {"uri": quote(path)}, "region": region}}
    named = {"queuebitCircuit/v1": f"{path}/{check.rule}"}
    return {**result, "locations": [place], "partialFingerprints": named}
