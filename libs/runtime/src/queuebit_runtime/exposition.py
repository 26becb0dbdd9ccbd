"""Writes metrics in Prometheus's text format or in OpenMetrics, with traces as exemplars."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from queuebit_runtime.metrics import Counter, Distribution, Gauge, Histogram, Metric, Metrics

__all__ = ["exposition", "process_families"]


def exposition(metrics: Metrics, accept: str = "") -> tuple[str, bytes]:
    """The media type and the text of all metrics, in the form that an `Accept` header prefers.

    If the header is not sound, that is Prometheus's text. Processor time, memory and descriptors of the process are
    added, under the names that Prometheus's clients share.
    """
    try:
        encode, media_type = choose_encoder(accept)
    except TypeError:  # the library compares a version that is no number
        encode, media_type = choose_encoder("")
    return media_type, encode(_Families(metrics))


class _Families(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Family]:
        service = self._metrics.service
        for metric in self._metrics:
            yield _family(metric, service)
        for family in process_families():
            yield _with_service(family, service)


def process_families() -> Iterator[Family]:
    """Processor time, memory and descriptors of this process."""
    yield from ProcessCollector(registry=None).collect()


def _family(metric: Metric, service: str) -> Family:
    labels = ("service", *metric.labels)
    match metric:
        case Counter():
            counted = CounterMetricFamily(metric.name, metric.text, labels=labels)
            for values, number in [*metric.series.items()]:
                counted.add_metric((service, *values), number)
            return counted
        case Gauge():
            read = GaugeMetricFamily(metric.name, metric.text, labels=labels)
            for values, number in metric.series.items():
                read.add_metric((service, *values), number)
            return read
        case Histogram():
            observed = HistogramMetricFamily(metric.name, metric.text, labels=labels)
            for values, distribution in [*metric.series.items()]:
                observed.add_metric((service, *values), [*_buckets(distribution)], distribution.sum)
            return observed


def _buckets(of: Distribution) -> Iterator[tuple[str, float] | tuple[str, float, Exemplar]]:
    bounds = [*(str(float(it)) for it in of.bounds), "+Inf"]
    for place, (bound, number) in enumerate(zip(bounds, of.cumulative, strict=True)):
        if (found := of.traces.get(place)) is None:
            yield bound, number
        else:
            trace, value = found
            yield bound, number, Exemplar({"trace_id": f"{trace:032x}"}, value)


def _with_service(family: Family, service: str) -> Family:
    family.samples = [it._replace(labels={"service": service, **it.labels}) for it in family.samples]
    return family
