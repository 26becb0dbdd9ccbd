"""Whether this process exports to an OpenTelemetry collector: as the standard variables say, and by default not.

The exporters are imported only if something is to be exported: they take 5 MB and 50 ms.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from importlib.util import find_spec
from typing import Final, Literal, TypeAlias

from queuebit_runtime.metrics import Metrics
from queuebit_runtime.tracing import Tracing

__all__ = ["Signal", "exporting", "has_grpc", "uses_grpc", "wanted_signals"]

Signal: TypeAlias = Literal["TRACES", "METRICS", "LOGS"]

_SIGNALS: Final[tuple[Signal, ...]] = ("TRACES", "METRICS", "LOGS")
_PROTOCOL: Final = "http/protobuf"
_GRPC: Final = "grpc"

_log = logging.getLogger(__name__)


def wanted_signals(environment: Mapping[str, str]) -> frozenset[Signal]:
    """The signals with an endpoint, of their own or for all, that no other variable switches off."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return frozenset()
    return frozenset(it for it in _SIGNALS if _is_wanted(it, environment))


def exporting(
    environment: Mapping[str, str], metrics: Metrics, tracing: Tracing | None = None
) -> AbstractAsyncContextManager[None]:
    """Export this process's spans, metrics and log records while the context lasts.

    Neither a collector that does not answer nor a wrong variable stops a service: what cannot be exported is dropped,
    and the log says so.
    """
    signals = wanted_signals(environment)
    if not signals:
        return nullcontext()
    from queuebit_runtime.otlp_export import Export

    return Export(signals, environment, metrics, tracing)


def _is_wanted(signal: Signal, environment: Mapping[str, str]) -> bool:
    exporters = {it.strip() for it in environment.get(f"OTEL_{signal}_EXPORTER", "otlp").split(",")}
    endpoint = _of(environment, signal, "ENDPOINT")
    if "otlp" not in exporters or not endpoint:
        return False
    protocol = _of(environment, signal, "PROTOCOL") or _PROTOCOL
    if protocol == _GRPC and not has_grpc():
        _log.warning(
            "%s are not exported: gRPC needs `pip install queuebit-runtime[grpc]`; or set "
            "OTEL_EXPORTER_OTLP_PROTOCOL=%s and the collector's port for it, which is usually 4318",
            signal.lower(),
            _PROTOCOL,
        )
        return False
    if protocol not in (_PROTOCOL, _GRPC):
        _log.warning(
            "%s are not exported: there is no protocol %s: set OTEL_EXPORTER_OTLP_PROTOCOL to %s or %s",
            signal.lower(),
            protocol,
            _PROTOCOL,
            _GRPC,
        )
        return False
    return True


def uses_grpc(signal: Signal, environment: Mapping[str, str]) -> bool:
    """Whether a signal goes to its collector over gRPC."""
    return _of(environment, signal, "PROTOCOL") == _GRPC


def has_grpc() -> bool:
    """Whether OpenTelemetry's exporters over gRPC are installed."""
    return find_spec("grpc") is not None and find_spec("opentelemetry.exporter.otlp.proto.grpc") is not None


def _of(environment: Mapping[str, str], signal: Signal, name: str) -> str:
    """A variable of one signal, or else that of all signals."""
    prefix = "OTEL_EXPORTER_OTLP_"
    return (environment.get(f"{prefix}{signal}_{name}") or environment.get(f"{prefix}{name}") or "").strip()
