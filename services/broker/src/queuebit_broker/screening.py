"""Looks in what tenants send for what the rules of data protection name, before anything is stored."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence

from queuebit_contracts.command import CancelJob
from queuebit_contracts.hybrid import HybridSubmission, HybridSubmitted
from queuebit_contracts.job import JobSubmitted, Submission
from queuebit_contracts.wire import Payload
from queuebit_protection import Finding, Rules
from queuebit_runtime.intake import Write
from queuebit_runtime.payloads import Missing, PayloadStore

__all__ = ["Screening", "fields_of"]

_log = logging.getLogger(__name__)

_LARGE = 65_536
"""Larger texts are searched in a thread, so that other messages go on; RE2 needs no lock of the interpreter."""


class Screening:
    """Applies the rules to the messages of tenants, with the content that these refer to."""

    def __init__(self, rules: Rules, store: PayloadStore) -> None:
        self._rules = rules
        self._store = store

    async def refusal(self, tenant: str, write: Write) -> str | None:
        """Why a message is refused, without what was found; None: no rule that blocks finds something.

        Raises:
            Unavailable: the payload store did not answer.
        """
        try:
            if write.event is None:
                found = await self._find(tenant, {"source": _text(write.body, "")})
            else:
                found = await self._find_in(tenant, write.event)
        except Missing as error:  # it could be stored later, in chunks in which no rule finds anything
            return f"data protection cannot search the source: {error}"
        blocked = [it for it in found if it.action == "block"]
        if not blocked:
            return None
        for it in blocked:
            _log.warning("a message of tenant %s was refused: rule %s, %s", tenant, it.rule, it.field)
        where = " and ".join(f"rule {it.rule} finds something in {_WORDS[it.field]}" for it in blocked)
        return f"data protection: {where}; remove it, and submit again"

    async def flags(self, event: JobSubmitted | HybridSubmitted) -> tuple[str, ...] | None:
        """What rules found that flag; None: nothing.

        Raises:
            Unavailable: the payload store did not answer.
        """
        found = await self._find_in(event.data.tenant, event, missing_ok=True)
        return tuple(f"{it.rule}:{it.field}" for it in found if it.action == "flag") or None

    async def _find_in(
        self, tenant: str, event: JobSubmitted | HybridSubmitted | CancelJob, *, missing_ok: bool = False
    ) -> Sequence[Finding]:
        if isinstance(event, CancelJob):
            return await self._find(tenant, {"purpose": event.data.reason})
        fields, source = fields_of(event.data), _source(event.data)
        if self._rules.looks_at(tenant, "source"):
            try:
                fields["source"] = _text(await self._store.get(tenant, source), source.media_type)
            except Missing:
                if not missing_ok:
                    raise
        return await self._find(tenant, fields)

    async def _find(self, tenant: str, fields: dict[str, str]) -> Sequence[Finding]:
        if sum(map(len, fields.values())) < _LARGE:
            return self._rules.find(tenant, fields)
        return await asyncio.to_thread(self._rules.find, tenant, fields)


_WORDS = {
    "names": "its label, tags or key",
    "purpose": "its purpose or reason",
    "parameters": "its parameters",
    "source": "its source",
}


def fields_of(asked: Submission | HybridSubmission) -> dict[str, str]:
    """The free text of a submission by field, without its source."""
    names = [asked.label, asked.key, *(asked.tags or ())]
    if isinstance(asked, HybridSubmission):
        return {"names": "\n".join(names), "purpose": asked.purpose, "parameters": _plain(asked.parameters)}
    names += [asked.workload_class or "", *(f"{it.name} {it.version}" for it in asked.inputs or ())]
    return {"names": "\n".join(names), "purpose": asked.purpose}


def _source(asked: Submission | HybridSubmission) -> Payload:
    return asked.file if isinstance(asked, HybridSubmission) else asked.circuit


def _text(content: bytes, media_type: str) -> str:
    text = content.decode(errors="replace")
    return _plain(text) if media_type.endswith("json") else text


def _plain(text: str) -> str:
    """JSON followed by the same without escapes, so that these hide nothing; other text as it is."""
    try:
        return f"{text}\n{json.dumps(json.loads(text), ensure_ascii=False)}"
    except (ValueError, RecursionError):
        return text
