"""OpenSLO v1, the part of it that is evaluated here: the documents in which service levels are promised.

Every document that is valid here is valid OpenSLO; what OpenSLO has and is not evaluated here, such as calendar windows
and time slices, is refused instead of ignored. Source: github.com/OpenSLO/OpenSLO, apiVersion `openslo/v1`.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator
from pydantic.alias_generators import to_camel

from queuebit_contracts.alerts import Severity
from queuebit_kernel import digest_of

__all__ = [
    "ALERT",
    "ALERTS",
    "BY",
    "DATA_SOURCE",
    "MINIMUM",
    "OWNER",
    "RUNBOOK",
    "Objectives",
    "OpenSLO",
    "shipped_files",
]

BY: Final = "queuebit.by"
"""Annotation of an SLO: columns that each have an error budget of their own, such as `tenant.backend`."""
MINIMUM: Final = "queuebit.minimum"
"""Annotation of an SLO: cases in an alert's long window below which it is not decided."""
RUNBOOK: Final = "queuebit.runbook"
"""Annotation of an SLO: the name of the runbook of its alerts."""
ALERTS: Final = "queuebit.alerts"
"""Annotation of an SLO: `default` or `none`; without it, and without alerts of its own, it has the default ones."""
ALERT: Final = "queuebit.alert."
"""Annotations of an SLO that begin so are alerts: `queuebit.alert.NAME: page-1h-5m-14.4`. An AlertPolicy of OpenSLO v1
has one condition with one window, and an alert that neither is late nor stays too long needs two."""
OWNER: Final = "owner"
"""Label of an SLO: the team that gets its alerts."""
DATA_SOURCE: Final = "queuebit"
"""The type of metric source that is evaluated here."""

_Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
_Text = Annotated[str, Field(min_length=1, max_length=1050)]
_Label = Annotated[str, Field(pattern=r"^[a-z0-9A-Z][a-z0-9A-Z._-]*$", max_length=63)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Duration = Annotated[str, Field(pattern=r"^[1-9][0-9]*[mhdwMQY]$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Metadata(_Part):
    """What a document is called."""

    name: _Name
    display_name: _Text | None = None
    labels: dict[str, _Label | tuple[_Label, ...]] = Field(default_factory=dict)
    annotations: dict[str, _Label] = Field(default_factory=dict)


class _Document(_Part):
    api_version: Literal["openslo/v1"]
    metadata: Metadata


class ServiceSpec(_Part):
    """What a service is."""

    description: _Text | None = None


class Service(_Document):
    """Something that objectives are about."""

    kind: Literal["Service"]
    spec: ServiceSpec = ServiceSpec()


class DataSourceSpec(_Part):
    """Where cases are counted."""

    description: _Text | None = None
    type: Literal["queuebit"]
    connection_details: dict[str, str] = Field(default_factory=dict)


class DataSource(_Document):
    """A name for the warehouse of this stack."""

    kind: Literal["DataSource"]
    spec: DataSourceSpec


class QuerySpec(_Part):
    """Which cases are counted: ours, because OpenSLO leaves it to the data source."""

    indicator: str
    """The id of an indicator, such as `success` or `queue-wait`."""
    where: dict[str, Annotated[str, Field(max_length=128)]] = Field(default_factory=dict)
    """Only cases with these values: of `tenant`, `project`, `workload_class`, `backend`, `vendor`."""
    unless: dict[str, str] = Field(default_factory=dict)
    """Leaves out cases that have all of these values; empty leaves out none."""


class MetricSource(_Part):
    """A query to a data source: `type: queuebit`, or the name of a DataSource."""

    metric_source_ref: _Name | None = None
    type: Literal["queuebit"] | None = None
    spec: QuerySpec


class Metric(_Part):
    """One query."""

    metric_source: MetricSource


class RatioMetric(_Part):
    """Good cases of all cases."""

    counter: Literal[True] = True
    good: Metric
    total: Metric


class SLISpec(_Part):
    """What is measured: a ratio, or a duration that an objective compares with its `value`."""

    description: _Text | None = None
    threshold_metric: Metric | None = None
    ratio_metric: RatioMetric | None = None

    @model_validator(mode="after")
    def _one_metric(self) -> SLISpec:
        if (self.threshold_metric is None) == (self.ratio_metric is None):
            raise ValueError("write one of thresholdMetric (durations) and ratioMetric")
        return self


class InlineSLI(_Part):
    """An indicator inside an SLO."""

    metadata: Metadata
    spec: SLISpec


class SLI(_Document):
    """An indicator that several SLOs refer to."""

    kind: Literal["SLI"]
    spec: SLISpec


class TimeWindow(_Part):
    """The days over which the error budget is counted: the last so many."""

    duration: _Duration
    is_rolling: Literal[True]


class Target(_Part):
    """How many cases have to be good; of durations, those with at most `value` milliseconds."""

    display_name: _Text | None = None
    op: Literal["lte"] | None = None
    value: _Finite | None = None
    target: _Finite | None = None
    target_percent: _Finite | None = None


class ConditionBurn(_Part):
    """Fires above a burn rate."""

    kind: Literal["burnrate"] = "burnrate"
    op: Literal["gt"]
    threshold: float = Field(gt=0, allow_inf_nan=False)
    lookback_window: _Duration
    alert_after: Literal["0m"] = "0m"


class AlertConditionSpec(_Part):
    """When an alert fires."""

    description: _Text | None = None
    severity: Severity
    condition: ConditionBurn


class AlertCondition(_Document):
    """When an alert fires."""

    kind: Literal["AlertCondition"]
    spec: AlertConditionSpec


class Condition(_Part):
    """A condition, or the name of one."""

    condition_ref: _Name | None = None
    kind: Literal["AlertCondition"] | None = None
    metadata: Metadata | None = None
    spec: AlertConditionSpec | None = None

    @model_validator(mode="after")
    def _one(self) -> Condition:
        if (self.condition_ref is None) == (self.spec is None) or (self.spec is None) != (self.metadata is None):
            raise ValueError("write conditionRef, or metadata and spec of the condition")
        return self


class Notified(_Part):
    """The name of a target."""

    target_ref: _Name


class AlertPolicySpec(_Part):
    """One alert."""

    description: _Text | None = None
    alert_when_no_data: Literal[False] = False
    alert_when_resolved: bool = True
    alert_when_breaching: Literal[True] = True
    conditions: tuple[Condition, ...] = Field(min_length=1, max_length=1)
    notification_targets: tuple[Notified, ...] = ()


class AlertPolicy(_Document):
    """One alert of SLOs, in place of the default ones."""

    kind: Literal["AlertPolicy"]
    spec: AlertPolicySpec


class Policy(_Part):
    """The name of an AlertPolicy."""

    alert_policy_ref: _Name


class TargetSpec(_Part):
    """Where notifications go."""

    description: _Text | None = None
    target: _Text


class AlertNotificationTarget(_Document):
    """A name of a receiver; the routes of the stack say where it is."""

    kind: Literal["AlertNotificationTarget"]
    spec: TargetSpec


class SLOSpec(_Part):
    """The promise."""

    description: _Text | None = None
    service: _Name
    indicator: InlineSLI | None = None
    indicator_ref: _Name | None = None
    time_window: tuple[TimeWindow, ...] = Field(min_length=1, max_length=1)
    budgeting_method: Literal["Occurrences"]
    objectives: tuple[Target, ...] = Field(min_length=1, max_length=1)
    alert_policies: tuple[Policy, ...] = ()

    @model_validator(mode="after")
    def _one_indicator(self) -> SLOSpec:
        if (self.indicator is None) == (self.indicator_ref is None):
            raise ValueError("write one of indicator and indicatorRef")
        return self


class SLO(_Document):
    """A promise about one indicator."""

    kind: Literal["SLO"]
    spec: SLOSpec


class OpenSLO(
    RootModel[
        Annotated[
            Service | DataSource | SLI | SLO | AlertPolicy | AlertCondition | AlertNotificationTarget,
            Field(discriminator="kind"),
        ]
    ]
):
    """One document of a file; lines of `---` separate several."""


class Objectives(BaseModel):
    """All documents of all files, by kind and name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: dict[str, Service] = Field(default_factory=dict, alias="Service")
    data_source: dict[str, DataSource] = Field(default_factory=dict, alias="DataSource")
    sli: dict[str, SLI] = Field(default_factory=dict, alias="SLI")
    slo: dict[str, SLO] = Field(default_factory=dict, alias="SLO")
    alert_policy: dict[str, AlertPolicy] = Field(default_factory=dict, alias="AlertPolicy")
    alert_condition: dict[str, AlertCondition] = Field(default_factory=dict, alias="AlertCondition")
    alert_notification_target: dict[str, AlertNotificationTarget] = Field(
        default_factory=dict, alias="AlertNotificationTarget"
    )

    @property
    def digest(self) -> str:
        """The digest of the content."""
        return digest_of(self.model_dump(mode="json", by_alias=True, exclude_none=True))


@cache
def shipped_files() -> tuple[tuple[str, str], ...]:
    """The objectives of this version: names and texts of files."""
    found = sorted(files("queuebit_contracts").joinpath("slos").iterdir(), key=lambda it: it.name)
    return tuple((it.name, it.read_text(encoding="utf-8")) for it in found if it.name.endswith(".yaml"))
