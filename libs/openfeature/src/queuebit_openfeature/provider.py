"""Evaluates the flags of canaries."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar, cast

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from queuebit import QueuebitError
from queuebit_experiments import ASSIGNING, arm_in_use

__all__ = ["CanaryProvider"]

_T = TypeVar("_T")
_Row = Mapping[str, Any]  # JSON
_Objects = Sequence[FlagValueType] | Mapping[str, FlagValueType]

_MAX_AGE_S: Final = 10.0
_logger = logging.getLogger(__name__)


class _CanarySource(Protocol):
    """Where canaries are read: a `Client`."""

    def canaries(self) -> Iterable[_Row]:
        """The canary of each flag that concerns the tenant."""
        ...


class CanaryProvider(AbstractProvider):
    """Evaluates from what was read last, and reads again when that is older than `max_age_s`.

    So a candidate that is aborted is used for that long at most, while the platform answers. If it does not, what was
    read last stays in use, and `PROVIDER_STALE` is emitted. Evaluations may run in several threads.
    """

    def __init__(
        self,
        source: _CanarySource,
        max_age_s: float = _MAX_AGE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; reads nothing yet.

        Args:
            source: a `Client`.
            max_age_s: how old what was read may be; 0 reads for each evaluation.
            clock: seconds that never go back.
        """
        super().__init__()
        self._source = source
        self._max_age_s = max_age_s
        self._clock = clock
        self._lock = threading.Lock()
        self._due = float("-inf")
        self._rows: dict[str, _Row] = {}
        self._is_stale = False

    def get_metadata(self) -> Metadata:
        """The provider's name."""
        return Metadata(name="queuebit-canaries")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Read for the first time.

        Raises:
            QueuebitError: the platform does not answer; OpenFeature then returns the defaults of its callers.
        """
        self._read()

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        """The value of a flag that is true or false."""
        return self._resolved(flag_key, default_value, (bool,), evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """The value of a flag that is a text, such as the name of a backend."""
        return self._resolved(flag_key, default_value, (str,), evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """The value of a flag that is a whole number, such as a compiler level."""
        return self._resolved(flag_key, default_value, (int,), evaluation_context)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """The value of a flag that is a number."""
        return self._resolved(flag_key, default_value, (int, float), evaluation_context)

    def resolve_object_details(
        self, flag_key: str, default_value: _Objects, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[_Objects]:
        """The value of a flag that is a list or an object, such as options of compilation."""
        return self._resolved(flag_key, default_value, (list, dict), evaluation_context)

    def _resolved(
        self, flag: str, default: _T, kinds: tuple[type, ...], context: EvaluationContext | None
    ) -> FlagResolutionDetails[_T]:
        self._refresh()
        row = self._rows.get(flag)
        if row is None:
            text = f"no canary of this tenant ever had the flag {flag}"
            return FlagResolutionDetails(default, ErrorCode.FLAG_NOT_FOUND, text, Reason.ERROR)
        unit = _unit(row, context)
        if row["state"] in ASSIGNING and not unit:
            text = "the context has no targeting key: make it with job_context"
            return FlagResolutionDetails(default, ErrorCode.TARGETING_KEY_MISSING, text, Reason.ERROR)
        reason = Reason.SPLIT if row["state"] in ASSIGNING else Reason.STATIC
        arm = arm_in_use(str(row["canary"]), str(row["state"]), unit, int(row["share_percent"]))
        value = row[arm]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            text = f"the value of {flag} is {value!r:.80}"
            return FlagResolutionDetails(default, ErrorCode.TYPE_MISMATCH, text, Reason.ERROR)
        metadata = {it: str(row[it]) for it in ("canary", "state", "subject")}
        return FlagResolutionDetails(
            cast("_T", value), reason=reason, variant=arm, flag_metadata={**metadata, "stale": self._is_stale}
        )

    def _refresh(self) -> None:
        """Read again if it is time; of several threads, one reads, and the others use what there is."""
        if self._clock() < self._due or not self._lock.acquire(blocking=False):
            return
        try:
            self._read()
        except QueuebitError as error:
            self._due = self._clock() + self._max_age_s
            if not self._is_stale:
                _logger.warning("canaries cannot be read, what was read last stays in use: %s", error)
                self._is_stale = True
                self.emit_provider_stale(ProviderEventDetails(message=str(error)))
        finally:
            self._lock.release()

    def _read(self) -> None:
        rows = {str(it["flag"]): it for it in self._source.canaries()}
        changed = [it for it in rows.keys() | self._rows.keys() if rows.get(it) != self._rows.get(it)]
        was_stale, self._is_stale = self._is_stale, False
        self._rows, self._due = rows, self._clock() + self._max_age_s
        if was_stale:
            self.emit_provider_ready(ProviderEventDetails())
        if changed:
            self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=sorted(changed)))


def _unit(row: _Row, context: EvaluationContext | None) -> str:
    """What is assigned to an arm: the targeting key, or the tenant."""
    if context is None:
        return ""
    if row["unit"] == "tenant":
        return str(context.attributes.get("tenant") or "")
    return context.targeting_key or ""
