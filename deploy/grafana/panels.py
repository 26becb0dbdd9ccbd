"""What the dashboards are made of: data sources, queries and panels, so that all look and behave alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import common, heatmap, logs, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    AxisPlacement,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    LogsSortOrder,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    VariableHide,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode

__all__ = [
    "CLICKHOUSE",
    "METRICS",
    "Sql",
    "dashboard",
    "heat",
    "lines",
    "number",
    "of_metrics",
    "of_warehouse",
    "promql",
    "rows",
    "sql",
    "tail",
    "textbox",
]

CLICKHOUSE: Final = "grafana-clickhouse-datasource"
"""The id of ClickHouse's own plugin."""
METRICS: Final = DataSourceRef(type_val="prometheus", uid="${prometheus}")
_WAREHOUSE: Final = DataSourceRef(type_val=CLICKHOUSE, uid="${clickhouse}")

_TIME_SERIES, _TABLE, _LOGS = 0, 1, 2
"""The plugin's numbers of the forms of a result."""


@dataclass
class Sql(Dataquery, Builder[Dataquery]):
    """A query of ClickHouse's plugin, for which the Foundation SDK has no type."""

    raw_sql: str
    format: int
    ref_id: str = "A"

    def build(self) -> Dataquery:
        return self

    def to_json(self) -> dict[str, object]:
        """The form in which the plugin keeps a query."""
        return {
            "datasource": {"type": CLICKHOUSE, "uid": "${clickhouse}"},
            "editorType": "sql",
            "format": self.format,
            "rawSql": self.raw_sql,
            "refId": self.ref_id,
        }


def sql(text: str, form: int = _TIME_SERIES) -> Sql:
    """A query of the warehouse; lines of the text are cut to its own margin."""
    lines_of = text.strip("\n").splitlines()
    margin = min((len(it) - len(it.lstrip()) for it in lines_of if it.strip()), default=0)
    return Sql("\n".join(it[margin:].rstrip() for it in lines_of).strip(), form)


def promql(expression: str, legend: str = "") -> prometheus.Dataquery:
    """A query of Prometheus over the time of the dashboard."""
    query = prometheus.Dataquery().datasource(METRICS).expr(expression).range()
    return query.legend_format(legend) if legend else query


def dashboard(title: str, uid: str, description: str, *, since: str, refresh: str = "1m") -> board.Dashboard:
    """A dashboard with both data sources to choose, and links to the others."""
    return (
        board.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["queuebit"])
        .timezone("browser")
        .time(since, "now")
        .refresh(refresh)
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(_link())
        .with_variable(board.DatasourceVariable("prometheus").label("Prometheus").type("prometheus"))
        .with_variable(board.DatasourceVariable("clickhouse").label("Warehouse").type(CLICKHOUSE))
    )


def _link() -> board.DashboardLink:
    return (
        board.DashboardLink("Queuebit")
        .type("dashboards")  # type: ignore[arg-type]  # the enumeration has the same text
        .tags(["queuebit"])
        .as_dropdown(True)
        .keep_time(True)
    )


def of_warehouse(name: str, label: str, query: str) -> board.QueryVariable:
    """Values to choose from, several or all, that the warehouse knows."""
    return _choice(name, label, query).datasource(_WAREHOUSE)


def of_metrics(name: str, label: str, query: str) -> board.QueryVariable:
    """The same from Prometheus."""
    return _choice(name, label, query).datasource(METRICS)


def _choice(name: str, label: str, query: str) -> board.QueryVariable:
    return (
        board.QueryVariable(name)
        .label(label)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .current({"text": ["All"], "value": ["$__all"]})  # type: ignore[arg-type]  # as Grafana writes it
    )


def textbox(name: str, label: str) -> board.TextBoxVariable:
    """A text that the reader enters."""
    return board.TextBoxVariable(name).label(label).hide(VariableHide.DONT_HIDE)


_Panel = Any  # the builders of panels have the same methods and no common class


def _panel(
    builder: _Panel, title: str, description: str, targets: Sequence[Builder[Dataquery]], size: tuple[int, int]
) -> _Panel:
    source = _WAREHOUSE if isinstance(targets[0], Sql) else METRICS
    panel = builder.title(title).description(description).datasource(source).span(size[0]).height(size[1])
    for place, target in enumerate(targets):
        ref_id = "ABCDEFGH"[place]
        if isinstance(target, Sql):
            target.ref_id = ref_id
        else:
            target.ref_id(ref_id)  # type: ignore[attr-defined]
        panel = panel.with_target(target)
    return panel


def lines(
    title: str,
    description: str,
    *targets: Builder[Dataquery],
    unit: str = "short",
    stacked: bool = False,
    width: int = 12,
    height: int = 8,
    most: float | None = None,
) -> timeseries.Panel:
    """A development over time: lines, or stacked bars."""
    panel: timeseries.Panel = _panel(timeseries.Panel(), title, description, targets, (width, height))
    panel = (
        panel.unit(unit)
        .min(0)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs([])
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .span_nulls(False)
    )
    if most is not None:
        panel = panel.max(most)
    if stacked:
        return (
            panel.draw_style(GraphDrawStyle.BARS)
            .fill_opacity(80)
            .stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
        )
    return panel.line_width(2).fill_opacity(8)


def number(
    title: str,
    description: str,
    target: Builder[Dataquery],
    *,
    unit: str = "short",
    limits: Sequence[tuple[float, str]] = (),
    width: int = 6,
    height: int = 5,
) -> stat.Panel:
    """One value, green at first, and of the colour of the last limit that it reaches."""
    panel: stat.Panel = _panel(stat.Panel(), title, description, [target], (width, height))
    return (
        panel.unit(unit).reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"])).thresholds(_limits(limits))
    )


def _limits(limits: Sequence[tuple[float, str]], first: str = "green") -> board.ThresholdsConfig:
    steps = [Threshold(value=None, color=first), *(Threshold(value=value, color=color) for value, color in limits)]
    return board.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def rows(title: str, description: str, target: Builder[Dataquery], *, width: int = 12, height: int = 8) -> table.Panel:
    """A table."""
    panel: table.Panel = _panel(table.Panel(), title, description, [target], (width, height))
    return panel.show_header(True)


def heat(
    title: str, description: str, target: Builder[Dataquery], *, unit: str, width: int = 24, height: int = 9
) -> heatmap.Panel:
    """Time across, one row a series, the value as colour: red is the least and green the most."""
    panel: heatmap.Panel = _panel(heatmap.Panel(), title, description, [target], (width, height))
    return (
        panel.calculate(False)
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("RdYlGn").steps(64).reverse(False))
        .y_axis(heatmap.YAxisConfig().axis_placement(AxisPlacement.LEFT).unit("short"))
        .cell_values(heatmap.CellValues().unit(unit))
        .color_scheme(board.FieldColor().mode(FieldColorModeId.FIXED))
    )


def tail(title: str, description: str, target: Builder[Dataquery], *, width: int = 24, height: int = 12) -> logs.Panel:
    """Lines of logs, the newest first."""
    panel: logs.Panel = _panel(logs.Panel(), title, description, [target], (width, height))
    return panel.show_time(True).wrap_log_message(True).enable_log_details(True).sort_order(LogsSortOrder.DESCENDING)
