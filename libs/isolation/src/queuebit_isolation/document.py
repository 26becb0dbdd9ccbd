"""The document `fleet`: the limits beyond which backends are isolated (`fleet.toml` of a home)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationError,
    model_serializer,
    model_validator,
)

from queuebit_isolation.calibration import CalibrationRule

__all__ = ["EXAMPLE", "FleetDocument", "Limits", "LimitsTable", "RecalibrationHook", "parse_fleet"]

_Pattern = Annotated[str, StringConstraints(pattern=r"^[a-z0-9*?_-]{1,64}$")]
_Table = TypeVar("_Table")
_Error = Annotated[float, Field(gt=0, le=1)]


def _address(url: str) -> str:
    """A URL to which a request can be sent; otherwise the service would refuse the document when it starts."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        known = host and port != 0 and "@" not in parts.netloc and not parts.fragment
    except ValueError:
        known = False
    if not known or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("write it like https://example.org/calibrate, without a user name and without a fragment")
    return url


EXAMPLE: Final = """\
# When a backend gets no more jobs. Every limit has a default: this file needs to name only what differs.

[limits]
two_qubit_error = 0.1        # a coupler above it is not used
readout_error = 0.3          # a qubit above it is not used
min_qubits_share = 0.5       # connected qubits that must be left of the device; otherwise it is isolated
overdue_h = 72               # no new calibration for so long, and for `overdue_intervals` of its usual intervals
back_off_s = 900             # the first isolation lasts so long at least, the next twice as long, and so on
probe = "if_any"             # a passed probe readmits it: "if_any" probes run there, "required", or "never"

# [backend."emulated-*"]     # a name, or a pattern: the name counts, or else the longest pattern that fits
# overdue_h = 8760

# [calibration."lab-*"]      # windows for calibrations, planned by rule; without a table, none is planned
# every_h = 24               # after the last calibration
# minutes = 20
# at = "04:00"               # a wished time of the day, in UTC
# within_h = 6               # how far it is moved at most, so that no reservation is in it
"""
"""A document to begin with; it states defaults."""


class LimitsTable(BaseModel):
    """What isolates a backend, or one of its elements, and what readmits it, as a table of the document says it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    isolate: bool = True
    """False: nothing is isolated or degraded by rule, only by a person."""
    two_qubit_error: _Error = 0.1
    """A coupler with a larger error is not used."""
    readout_error: _Error = 0.3
    """A qubit with a larger readout error is not used."""
    times_own: float = Field(default=8.0, ge=1.5, le=1000)
    """An element is not used either if its error is so many times its own median, and above `worth_noting` of its
    limit."""
    worth_noting: float = Field(default=0.4, gt=0, le=1)
    """Below this part of its limit, no error is compared with the element's own history."""
    returns_below: float = Field(default=0.8, gt=0, le=1)
    """An element returns below this part of the limit that took it out."""
    good_calibrations: int = Field(default=2, ge=1, le=100)
    """An element returns after so many good calibrations in a row."""
    history: int = Field(default=30, ge=3, le=365)
    """How many calibrations the history of an element has at most."""
    min_qubits_share: float = Field(default=0.5, gt=0, le=1)
    """The largest connected part of the device must have this part of its qubits, or the device is isolated."""
    overdue_h: float = Field(default=72.0, gt=0, le=87_600)
    """How old a calibration may be in any case."""
    overdue_intervals: float = Field(default=5.0, ge=1, le=1000)
    """A calibration is overdue after so many median intervals between calibrations, but not before `overdue_h`."""
    failed_share: float = Field(default=0.3, gt=0.02, lt=1)
    """The share of jobs that fail by the backend's fault in a backend that is to be isolated soon."""
    usual_share: float = Field(default=0.02, gt=0, lt=0.5)
    """That share in a backend that works."""
    false_alarm: float = Field(default=1e-4, gt=0, le=0.1)
    """A backend that works is isolated for its failures at most once in 1/`false_alarm` jobs, on average."""
    bad_probes: int = Field(default=2, ge=1, le=100)
    """So many runs of one probe in a row below its floor isolate a backend."""
    drift: bool = True
    """Whether an alert that results of a reference circuit drift isolates the backend."""
    vendor_status: bool = True
    """Whether a device that its vendor calls other than `active` is isolated."""
    back_off_s: float = Field(default=900.0, gt=0, le=604_800)
    """The least time of the first isolation. Each further one takes twice as long, up to `most_back_off_s`."""
    most_back_off_s: float = Field(default=86_400.0, gt=0, le=2_592_000)
    calm_s: float = Field(default=172_800.0, gt=0, le=31_536_000)
    """After so long in service without an isolation, the next one counts as the first."""
    probe: Literal["if_any", "required", "never"] = "if_any"
    """Whether a passed probe is needed to readmit a backend; `if_any`: if a probe ever ran there."""

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:  # plain JSON
        """What the table says: a limit that it leaves out is that of `[limits]`, and not the default."""
        found: dict[str, Any] = handler(self)
        return {name: value for name, value in found.items() if name in self.model_fields_set}


class Limits(LimitsTable):
    """The limits of one backend: each is known."""

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:  # plain JSON
        found: dict[str, Any] = handler(self)
        return found

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.usual_share >= self.failed_share:
            raise ValueError("usual_share must be less than failed_share")
        if self.most_back_off_s < self.back_off_s:
            raise ValueError("most_back_off_s must not be less than back_off_s")
        if self.calm_s < self.most_back_off_s:
            raise ValueError("calm_s must not be less than most_back_off_s: otherwise isolations do not get longer")
        return self


class RecalibrationHook(BaseModel):
    """The operator's own system, which is asked to calibrate a device: a webhook, signed by Standard Webhooks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, Field(pattern=r"^https?://", max_length=2048), AfterValidator(_address)]
    """Where the request is posted."""
    secret: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = None
    """A file in `secrets/fleet/` of the home with the `whsec_…` that signs; absent: the request is not signed."""
    backends: tuple[_Pattern, ...] = Field(default=("*",), min_length=1, max_length=32)
    """Names or patterns of the backends that it calibrates."""

    def calibrates(self, backend: str) -> bool:
        """Whether it is asked for a backend."""
        return any(fnmatchcase(backend, it) for it in self.backends)


class FleetDocument(BaseModel):
    """The limits of all backends, and when they are calibrated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limits: LimitsTable = LimitsTable()
    """Of every backend."""
    backend: dict[_Pattern, LimitsTable] = Field(default_factory=dict)
    """By name, or by pattern such as `emulated-*`: what differs there."""
    calibration: dict[_Pattern, CalibrationRule] = Field(default_factory=dict)
    """By name, or by pattern: when windows for calibrations are planned; of a backend that none fits, none is."""
    recalibration: RecalibrationHook | None = None
    """What is asked when a device should be calibrated; absent: nothing is."""

    @model_validator(mode="after")
    def _is_readable(self) -> Self:
        for name in ("", *self.backend):
            try:
                self._limits(self.backend.get(name))
            except ValidationError as error:
                (fault,) = error.errors()
                place = f"backend {name}: " if name else ""
                raise ValueError(f"{place}{fault['msg'].removeprefix('Value error, ')}") from None
        return self

    def of(self, backend: str) -> Limits:
        """The limits of one backend: one table counts, that of its name, or else the one with the longest pattern."""
        return self._limits(_of(self.backend, backend))

    def calibration_of(self, backend: str) -> CalibrationRule | None:
        """The rule by which windows for its calibrations are planned, found as its limits are; None: by no rule."""
        return _of(self.calibration, backend)

    def _limits(self, table: LimitsTable | None) -> Limits:
        own = {} if table is None else table.model_dump()
        return Limits.model_validate({**self.limits.model_dump(), **own})


def _of(tables: Mapping[str, _Table], backend: str) -> _Table | None:
    """The table of a backend: that of its name, or else the one with the longest pattern that fits."""
    if backend in tables:
        return tables[backend]
    fitting = sorted((it for it in tables if fnmatchcase(backend, it)), key=lambda it: (len(it), it))
    return tables[fitting[-1]] if fitting else None


def parse_fleet(text: str) -> FleetDocument:
    """Read a document in TOML.

    Raises:
        ValueError: it is not TOML, or breaks the rules; the text has every fault with its place.
    """
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it nests too deeply") from error
    try:
        return FleetDocument.model_validate(document)
    except ValidationError as error:
        raise ValueError("; ".join(_fault(it["loc"], it["msg"]) for it in error.errors(include_url=False))) from error


def _fault(place: tuple[int | str, ...], text: str) -> str:
    text = text.removeprefix("Value error, ")
    return f"{'.'.join(map(str, place))}: {text[:1].lower()}{text[1:]}"
