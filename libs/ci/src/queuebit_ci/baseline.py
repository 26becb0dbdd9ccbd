"""Baselines: the plans of an earlier time, in a file that is committed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from queuebit.errors import InvalidInput
from queuebit_ci.model import CircuitReport, Plan
from queuebit_kernel import Money

__all__ = ["plan_document", "read_baseline", "write_baseline"]


def plan_document(plan: Plan | None) -> dict[str, object] | None:
    """A plan as JSON; amounts keep all digits as text."""
    if plan is None:
        return None
    return {
        "backend": plan.backend,
        "cost": None if plan.cost is None else {"amount": plan.cost.text(), "currency": plan.cost.currency},
        "esp": plan.esp,
        "depth": plan.depth,
        "two_qubit_gates": plan.two_qubit_gates,
        "qpu_us": plan.qpu_us,
    }


def write_baseline(path: Path, circuits: Iterable[CircuitReport]) -> None:
    """Write the plans of all circuits that have one."""
    plans = {it.path: plan_document(it.plan) for it in sorted(circuits, key=lambda it: it.path) if it.plan}
    path.write_text(json.dumps({"version": 1, "circuits": plans}, indent=2) + "\n", encoding="utf-8")


def read_baseline(path: Path) -> Mapping[str, Plan]:
    """The plans by path.

    Raises:
        InvalidInput: there is no such file, or it is not a baseline.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["version"] != 1:
            raise ValueError(f"its version is {document['version']}")
        return {name: _plan(it) for name, it in document["circuits"].items()}
    except FileNotFoundError as error:
        raise InvalidInput(f"there is no baseline {path}: `qb ci --write-baseline` writes it") from error
    except (OSError, ValueError, ArithmeticError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInput(f"{path} is not a baseline ({error}): `qb ci --write-baseline` writes a new one") from error


def _plan(document: Mapping[str, Any]) -> Plan:
    cost = document["cost"]
    return Plan(
        backend=str(document["backend"]),
        depth=int(document["depth"]),
        two_qubit_gates=int(document["two_qubit_gates"]),
        cost=None if cost is None else Money(Decimal(cost["amount"]), cost["currency"]),
        esp=None if document["esp"] is None else float(document["esp"]),
        qpu_us=document["qpu_us"],
    )
