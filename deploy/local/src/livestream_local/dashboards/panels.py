"""What a dashboard consists of, and how Grafana's builders make it: one look for all panels."""

from collections.abc import Sequence
from itertools import count
from typing import Final, NamedTuple

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, timeseries
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

from livestream_local.dashboards.alert_rules import page_of, threshold_of

# The data source of deploy/grafana/provisioning.
PROMETHEUS: Final = models.DataSourceRef(type_val="prometheus", uid="livestream-prometheus")
TAG: Final = "livestream"
_COLUMNS: Final = 24
_HEIGHT: Final = 8
_LIMIT_COLOR: Final = "red"


class Query(NamedTuple):
    """PromQL, and what a line of it is called; `{{label}}` stands for a label's value."""

    expr: str
    legend: str


class Panel(NamedTuple):
    """One question. `unit` is one of Grafana's. `what_to_do` says what the answer means.

    `alert` rings for this very number: its page is named, and its threshold drawn. `see`: an alert whose page tells
    more, and that rings for another number. `limit` is drawn where no alert has it.
    `is_number`: the last value in large, and no line; above `limit` (or below it, where `is_floor`) it is red.
    """

    title: str
    unit: str
    what_to_do: str
    queries: Sequence[Query]
    alert: str | None = None
    see: str | None = None
    limit: float | None = None
    is_number: bool = False
    is_floor: bool = False
    columns: int = 8

    @property
    def description(self) -> str:
        alert = self.alert or self.see
        return f"{self.what_to_do} What to do: {page_of(alert)}" if alert else self.what_to_do

    @property
    def threshold(self) -> float | None:
        return threshold_of(self.alert) if self.alert else self.limit


class Row(NamedTuple):
    title: str
    panels: Sequence[Panel]


class Dashboard(NamedTuple):
    """`uid` is its address in Grafana, and its file's name."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]


def built(dashboard: Dashboard) -> models.Dashboard:
    """As Grafana reads it."""
    builder = (
        builders.Dashboard(dashboard.title)
        .uid(dashboard.uid)
        .description(dashboard.description)
        .tags([TAG])
        .readonly()
        .time("now-1h", "now")
        .refresh("10s")
        .timezone("utc")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(_link_to_others())
    )
    numbers = count(1)
    for row in dashboard.rows:
        builder.with_row(builders.Row(row.title).id(next(numbers)))
        for panel in row.panels:
            builder.with_panel(_number(panel, next(numbers)) if panel.is_number else _lines(panel, next(numbers)))
    return builder.build()


def _link_to_others() -> builders.DashboardLink:
    link = builders.DashboardLink("Livestream").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.include_vars(False).keep_time(True)


def _lines(panel: Panel, number: int) -> timeseries.Panel:
    lines = timeseries.Panel().thresholds(_thresholds(panel)).fill_opacity(8).line_width(1)
    style = common.GraphThresholdsStyleMode.OFF if panel.threshold is None else common.GraphThresholdsStyleMode.DASHED
    lines.thresholds_style(common_builders.GraphThresholdsStyleConfig().mode(style))
    lines.tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(_LARGEST_FIRST))
    lines.legend(_legend()).axis_soft_min(0).span_nulls(False).show_points(common.VisibilityMode.NEVER)
    _fill(lines, panel, number)
    return lines


def _number(panel: Panel, number: int) -> stat.Panel:
    shown = stat.Panel().thresholds(_thresholds(panel)).graph_mode(common.BigValueGraphMode.AREA)
    shown.color_mode(common.BigValueColorMode.VALUE)
    shown.reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
    _fill(shown, panel, number)
    return shown


_LARGEST_FIRST: Final = common.SortOrder.DESCENDING


def _fill(builder: timeseries.Panel | stat.Panel, panel: Panel, number: int) -> None:
    builder.id(number).title(panel.title).description(panel.description).unit(panel.unit).datasource(PROMETHEUS)
    builder.span(panel.columns).height(_HEIGHT).no_value("nothing")
    for query, name in zip(panel.queries, "ABCDEFGH"[: len(panel.queries)], strict=True):
        builder.with_target(prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(name))


def _legend() -> common_builders.VizLegendOptions:
    legend = common_builders.VizLegendOptions().show_legend(True).placement(common.LegendPlacement.BOTTOM)
    return legend.display_mode(common.LegendDisplayMode.LIST).calcs([])


def _thresholds(panel: Panel) -> builders.ThresholdsConfig:
    below, above = (_LIMIT_COLOR, "green") if panel.is_floor else ("green", _LIMIT_COLOR)
    steps = [models.Threshold(value=None, color="green" if panel.threshold is None else below)]
    if panel.threshold is not None:
        steps.append(models.Threshold(value=panel.threshold, color=above))
    return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
