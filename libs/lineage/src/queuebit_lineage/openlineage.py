"""Statements as run events of OpenLineage 2-0-2: one at the start and one at the end of each job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

__all__ = ["openlineage_events"]

_PRODUCER: Final = "https://queuebit.dev/"
_SCHEMA: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACET: Final = "https://queuebit.dev/attestations/job/v1#record"
_ENDS: Final = {"completed": "COMPLETE", "failed": "FAIL"}


def openlineage_events(stated: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The events of one job, the earlier one first; a job that never started has the time of its submission.

    Args:
        stated: the predicate of its statement.
    """
    about, times = stated["job"], stated["times"]
    run = {"runId": str(uuid5(NAMESPACE_URL, f"{_PRODUCER}{about['tenant']}/{about['id']}"))}
    named = stated.get("circuit")
    name = f"{named['name']}@{named['version']}" if named else stated.get("circuit_digest", about["id"])
    base = {
        "job": {"namespace": f"queuebit://{about['tenant']}/{about['project']}", "name": name},
        "producer": _PRODUCER,
        "schemaURL": _SCHEMA,
    }
    end = _ENDS.get(stated["outcome"]["state"], "ABORT")
    facets = {"queuebit_record": {"_producer": _PRODUCER, "_schemaURL": _FACET, **_plain(stated)}}
    return [
        {
            **base,
            "eventType": "START",
            "eventTime": times.get("started_at", times["submitted_at"]),
            "run": run,
            "inputs": _inputs(stated),
        },
        {
            **base,
            "eventType": end,
            "eventTime": times["finished_at"],
            "run": {**run, "facets": facets},
            "inputs": _inputs(stated),
            "outputs": [_set("results", stated["result_digest"])] if "result_digest" in stated else [],
        },
    ]


def _inputs(stated: Mapping[str, Any]) -> list[dict[str, str]]:
    calibration = stated.get("run", {}).get("calibration_digest")
    found = [_set("circuits", stated["circuit_digest"])] if "circuit_digest" in stated else []
    found += [_set("calibrations", calibration)] if calibration else []
    return [*found, *(_set("data", f"{it['name']}@{it['version']}") for it in stated.get("inputs", ()))]


def _set(kind: str, name: str) -> dict[str, str]:
    return {"namespace": f"queuebit://{kind}", "name": name}


def _plain(stated: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the statement, without its salt, which only its verifier needs."""
    return {name: value for name, value in stated.items() if name != "salt"}
