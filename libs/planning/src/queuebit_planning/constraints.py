"""Hard limits of a job: which backends they exclude and why, and the nearest plan where they exclude all.

A limit excludes a backend; it never orders those that are left. What is not known of a backend excludes it where a
limit asks for it, apart from what only its executor can say: such a backend is judged when that answers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Final

from queuebit_kernel import Money

__all__ = ["LIMITS", "PPM", "Change", "Impossible", "Limits", "Offer", "impossible", "probability", "violations"]

PPM: Final = 1_000_000

LIMITS: Final[Mapping[str, str]] = {
    "backends": "not_named",
    "vendors": "vendor_not_allowed",
    "regions": "region_not_allowed",
    "residency": "data_residency",
    "processors": "data_residency",
    "min_fidelity": "fidelity_too_low",
    "deadline": "deadline_too_soon",
    "max_cost": "too_expensive",
}
"""Every limit in the order in which they are applied, with the code of what it excludes. First what a backend is, then
what the job would get there."""

_OF_OTHERS: Final = frozenset({"residency", "processors"})
"""Limits that the author of a job cannot change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one job demands of a backend, with what its project and its tenant demand. None: no limit."""

    backends: tuple[str, ...] | None = None
    vendors: tuple[str, ...] | None = None
    regions: tuple[str, ...] | None = None
    residency: tuple[str, ...] | None = None
    """Regions in which the data of the tenant may be."""
    processors: tuple[str, ...] | None = None
    """Vendors that may have the data of the tenant."""
    min_esp_ppm: int | None = None
    deadline: datetime | None = None
    max_cost: Money | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is demanded, apart from the cost."""
        data = self.residency, self.processors
        others = self.backends, self.vendors, self.regions, *data, self.min_esp_ppm, self.deadline
        return all(it is None for it in others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one backend would give the job. None: not known."""

    backend: str
    vendor: str
    """As in budgets: `amazon-braket`."""
    region: str | None = None
    esp_ppm: int | None = None
    """Of an ideal simulator: all of it, `PPM`."""
    cost: Money | None = None
    ready_at: datetime | None = None
    """When the result can be there at the earliest: if the job began now."""


@dataclass(frozen=True, slots=True)
class Change:
    """One plan that would fit: on this backend, with these limits changed."""

    offer: Offer
    limits: tuple[str, ...]
    """Those to change, of `LIMITS`."""
    text: str
    """What to change, and what the job would get."""


@dataclass(frozen=True, slots=True)
class Impossible:
    """No backend has everything that is demanded."""

    last: str
    """The limit that takes the last backends away, of `LIMITS`, if they are applied in that order."""
    removed: tuple[str, ...]
    """The backends that it takes away."""
    nearest: Change

    @property
    def text(self) -> str:
        """Both as a sentence."""
        return (
            f"no backend has everything that is demanded: {_NAMES[self.last]} takes the last away, "
            f"{', '.join(self.removed)}. The nearest plan: {self.nearest.text}"
        )


_NAMES: Final = {
    "backends": "the list of backends",
    "vendors": "the list of vendors",
    "regions": "the list of regions",
    "residency": "the residency of the tenant's data",
    "processors": "the list of vendors that may have the tenant's data",
    "min_fidelity": "the minimum fidelity",
    "deadline": "the deadline",
    "max_cost": "the maximum cost",
}


def violations(limits: Limits, offer: Offer) -> dict[str, str]:
    """Return each limit that excludes the backend, with the predicate of a sentence whose subject is the backend."""
    return dict(_violations(limits, offer))


def impossible(limits: Limits, offers: Sequence[Offer], now: datetime) -> Impossible | None:
    """Return why the limits exclude every backend, and the nearest plan; None if one is left, or there is none at all.

    The nearest plan changes a single limit, if one is enough: the number that changes least in proportion, then the
    cheapest. Where only a list excludes, it is the cheapest backend beside the list. If no single change is enough, the
    plan is that with the fewest changes.
    """
    found = {it.backend: violations(limits, it) for it in offers}
    if not found or not all(found.values()):
        return None
    last, removed = _last(found)
    best = min(offers, key=lambda it: _distance(limits, it, found[it.backend], now))
    changed = tuple(found[best.backend])
    return Impossible(last, removed, Change(best, changed, _proposal(limits, best, changed, now)))


def probability(ppm: int) -> str:
    """A probability as a decimal, rounded down to four places: what is demanded of it is there."""
    return f"{ppm // 100 / 10_000:.4f}".rstrip("0").rstrip(".")


def _violations(limits: Limits, offer: Offer) -> Iterator[tuple[str, str]]:
    if limits.backends is not None and offer.backend not in limits.backends:
        yield "backends", f"is not one of {_listed(limits.backends)}, which the job names"
    if limits.vendors is not None and offer.vendor not in limits.vendors:
        yield "vendors", f"is of {offer.vendor}, and allowed is {_listed(limits.vendors)}"
    for name, allowed in (("regions", limits.regions), ("residency", limits.residency)):
        if allowed is not None and offer.region not in allowed:
            where = "has no known region" if offer.region is None else f"is in {offer.region}"
            must = "allowed is" if name == "regions" else "data of the tenant stay in"
            yield name, f"{where}, and {must} {_listed(allowed)}"
    if limits.processors is not None and offer.vendor not in limits.processors:
        yield "processors", f"is of {offer.vendor}, and data of the tenant go to {_listed(limits.processors)} alone"
    if limits.min_esp_ppm is not None and offer.esp_ppm is not None and offer.esp_ppm < limits.min_esp_ppm:
        expected, least = probability(offer.esp_ppm), probability(limits.min_esp_ppm)
        yield "min_fidelity", f"has an expected fidelity of {expected}, and at least {least} is demanded"
    if limits.deadline is not None and offer.ready_at is not None and offer.ready_at > limits.deadline:
        yield "deadline", f"has the result at {_moment(offer.ready_at)} at the earliest, after the deadline"
    if limits.max_cost is not None and offer.cost is not None and _exceeds(offer.cost, limits.max_cost):
        yield "max_cost", f"may cost up to {offer.cost}, more than {limits.max_cost}"


def _last(found: Mapping[str, Mapping[str, str]]) -> tuple[str, tuple[str, ...]]:
    """The limit after which no backend is left, and those that it takes away."""
    left = [*found]
    for name in LIMITS:
        kept = [it for it in left if name not in found[it]]
        if not kept:
            return name, tuple(sorted(left))
        left = kept
    raise ValueError("a backend is left")


def _distance(limits: Limits, offer: Offer, broken: Collection[str], now: datetime) -> tuple[object, ...]:
    """What plans are compared by."""
    cost = Fraction(0) if offer.cost is None else Fraction(offer.cost.amount)
    lists = [it for it in broken if it in {"backends", "vendors", "regions", *_OF_OTHERS}]
    return (
        not _OF_OTHERS.isdisjoint(broken),
        len(broken),
        len(lists),
        sum(_relative(limits, offer, broken, now), Fraction(0)),
        cost,
        offer.backend,
    )


def _relative(limits: Limits, offer: Offer, broken: Collection[str], now: datetime) -> Iterator[Fraction]:
    """By how much each number would change, in proportion."""
    if "min_fidelity" in broken and limits.min_esp_ppm and offer.esp_ppm is not None:
        yield Fraction(limits.min_esp_ppm - offer.esp_ppm, limits.min_esp_ppm)
    if "deadline" in broken and limits.deadline and offer.ready_at:
        given = max(1, int((limits.deadline - now).total_seconds()))
        yield Fraction(int((offer.ready_at - limits.deadline).total_seconds()) + 1, given)
    if "max_cost" in broken and limits.max_cost and offer.cost:
        yield Fraction(offer.cost.amount - limits.max_cost.amount) / max(
            Fraction(limits.max_cost.amount), Fraction(1, 10_000)
        )


def _proposal(limits: Limits, offer: Offer, broken: Sequence[str], now: datetime) -> str:
    changes = [_change(name, offer) for name in broken]
    gets = f"it can run on {offer.backend} ({'; '.join(_gets(offer, now))})"
    if len(changes) == 1:
        return f"{changes[0]}, and {gets}"
    return f"no single change is enough; {', '.join(changes[:-1])} and {changes[-1]}, and {gets}"


def _change(name: str, offer: Offer) -> str:
    match name:
        case "backends":
            return f"name {offer.backend} too"
        case "vendors":
            return f"allow the vendor {offer.vendor} too"
        case "regions" if offer.region is None:
            return f"allow all regions, because that of {offer.backend} is not known"
        case "regions":
            return f"allow the region {offer.region} too"
        case "residency":
            where = offer.region or "all regions"
            return f"the operator would have to allow data of the tenant in {where}"
        case "processors":
            return f"the operator would have to allow data of the tenant at {offer.vendor}"
        case "min_fidelity":
            return f"lower the minimum fidelity to {probability(offer.esp_ppm or 0)}"
        case "deadline":
            return f"move the deadline to {_moment(offer.ready_at) if offer.ready_at else 'a later time'}"
        case _:
            return f"raise the maximum cost to {offer.cost}"


def _gets(offer: Offer, now: datetime) -> Iterator[str]:
    if offer.esp_ppm is not None:
        yield f"expected fidelity {probability(offer.esp_ppm)}"
    if offer.cost is not None:
        yield f"up to {offer.cost}"
    if offer.ready_at is not None:
        yield f"result after {max(0.0, (offer.ready_at - now).total_seconds()):.3g} s without a wait"


def _exceeds(cost: Money, most: Money) -> bool:
    """Amounts in two currencies are not compared: that is a fault of its own."""
    return cost.currency == most.currency and cost > most


def _listed(names: Iterable[str]) -> str:
    return " or ".join(names) or "none"


def _moment(at: datetime) -> str:
    """To the second, rounded up: a deadline at that time can be met."""
    whole = at if at.microsecond == 0 else datetime.fromtimestamp(int(at.timestamp()) + 1, at.tzinfo)
    return f"{whole:%Y-%m-%dT%H:%M:%SZ}"
