"""Hard limits of a job, as people give them: which backends may run it at all, and until when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal, InvalidOperation

from queuebit.amounts import Amount, money_of
from queuebit.errors import InvalidInput
from queuebit.inputs import plain_name
from queuebit_contracts.limits import MOST_NAMES, JobLimits
from queuebit_contracts.wire import Amount as WireAmount
from queuebit_kernel import SystemClock

__all__ = ["Deadline", "Probability", "demands_of", "limits_of", "one_or_several"]

Probability = Decimal | float | str
"""A probability, such as 0.9."""
Deadline = datetime | timedelta
"""A time with a zone; or a duration from now on."""

_PPM = 1_000_000


def one_or_several(backend: str | Sequence[str] | None) -> tuple[str | None, tuple[str, ...]]:
    """The only backend that is named, or else all of them, of which the job runs on one; names ignore case.

    Raises:
        InvalidInput: the list is empty.
    """
    if backend is None:
        return None, ()
    names = _names("backend", [backend] if isinstance(backend, str) else backend)
    if not names:
        raise InvalidInput("the list of backends is empty: name some, or none for the cheapest that fits")
    return (names[0], ()) if len(names) == 1 else (None, names)


def limits_of(
    backends: Sequence[str] = (),
    *,
    min_fidelity: Probability | None = None,
    deadline: Deadline | None = None,
    vendors: Sequence[str] = (),
    regions: Sequence[str] = (),
) -> JobLimits | None:
    """The limits of a submission; None without any.

    Raises:
        InvalidInput: a value means nothing.
    """
    limits = JobLimits(
        min_esp_ppm=None if min_fidelity is None else _ppm(min_fidelity),
        deadline=None if deadline is None else _moment(deadline),
        backends=tuple(backends) or None,
        vendors=_names("vendor", vendors) or None,
        regions=_names("region", regions) or None,
    )
    return None if limits.empty else limits


def demands_of(
    backend: str | Sequence[str] | None,
    max_cost: Amount | None,
    *,
    min_fidelity: Probability | None,
    deadline: Deadline | None,
    vendors: Sequence[str],
    regions: Sequence[str],
) -> dict[str, object]:
    """The same as fields of the question for a plan; raises as `limits_of`."""
    one, several = one_or_several(backend)
    named = several or ((one,) if one else ())
    limits = limits_of(named, min_fidelity=min_fidelity, deadline=deadline, vendors=vendors, regions=regions)
    return {
        "limits": limits.model_dump(mode="json", exclude_none=True) if limits else None,
        "max_cost": None if max_cost is None else WireAmount.of(money_of(max_cost)).model_dump(mode="json"),
    }


def _ppm(value: Probability) -> int:
    """In parts per million, rounded up, so that no less than what was asked for is accepted."""
    try:
        found = Decimal(repr(float(value)) if isinstance(value, float) else str(value).strip())
    except (InvalidOperation, ValueError):
        found = Decimal(0)
    if not found.is_finite() or not 0 < found <= 1:
        raise InvalidInput(f"min_fidelity {value!r:.40} is no probability: give one above 0 and at most 1, such as 0.9")
    return int((found * _PPM).to_integral_value(rounding=ROUND_CEILING))


def _moment(deadline: Deadline) -> datetime:
    if isinstance(deadline, timedelta):
        if deadline <= timedelta():
            raise InvalidInput(f"deadline {deadline} is no time ahead: give a duration above 0")
        return _in_years(lambda: SystemClock().now() + deadline, deadline)
    if not isinstance(deadline, datetime):
        raise InvalidInput(f"deadline {deadline!r:.40} is not a time: give a datetime with a zone, or a timedelta")
    if deadline.tzinfo is None:
        raise InvalidInput(f"deadline {deadline} has no zone: give one, such as datetime.now(UTC) + timedelta(hours=2)")
    return _in_years(lambda: deadline.astimezone(UTC), deadline)


def _in_years(moment: Callable[[], datetime], given: Deadline) -> datetime:
    try:
        return moment()
    except OverflowError:
        raise InvalidInput(f"deadline {given} is outside the years 1 to 9999: give an earlier one") from None


def _names(what: str, names: Sequence[str]) -> tuple[str, ...]:
    given = [names] if isinstance(names, str) else names
    found = tuple(dict.fromkeys(plain_name(what, str(it).lower()) for it in given))
    if len(found) > MOST_NAMES:
        raise InvalidInput(f"{len(found)} {what}s are too many: give at most {MOST_NAMES}")
    return found
