"""Finds what the rules look for in the fields of a submission."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from queuebit_protection.detectors import BUILTINS, Detector, compiled
from queuebit_protection.document import ProtectionDocument, ProtectionRule

__all__ = ["Finding", "Rules"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule found something in a field; what it found is not kept."""

    rule: str
    action: str
    field: str


class Rules:
    """The rules of a document, compiled."""

    def __init__(self, document: ProtectionDocument) -> None:
        self._rules = [(name, rule, _detector(rule)) for name, rule in sorted(document.rule.items())]

    def looks_at(self, tenant: str, field: str) -> bool:
        """Whether a rule about the tenant's submissions looks at a field."""
        return any(field in rule.fields for _, rule, _ in self._of(tenant) if rule.action != "mask")

    def find(self, tenant: str, fields: Mapping[str, str]) -> tuple[Finding, ...]:
        """What is found in a submission of a tenant, each rule once in each field, by rule."""
        texts = {field: text.encode(errors="replace") for field, text in fields.items() if text}
        return tuple(
            Finding(name, rule.action, field)
            for name, rule, detector in self._of(tenant)
            if rule.action != "mask"
            for field in rule.fields
            if field in texts and next(detector.spans(texts[field]), None) is not None
        )

    def masks(self, tenant: str) -> list[tuple[str, Detector]]:
        """The names and detectors of the rules that mask outputs of a tenant."""
        return [(name, detector) for name, rule, detector in self._of(tenant) if rule.action == "mask"]

    def _of(self, tenant: str) -> Iterator[tuple[str, ProtectionRule, Detector]]:
        return (it for it in self._rules if not it[1].tenants or tenant in it[1].tenants)


def _detector(rule: ProtectionRule) -> Detector:
    return BUILTINS[rule.builtin] if rule.builtin else Detector(compiled(rule.pattern or ""))
