"""Renders plans and the history of applications."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from queuebit_cli.render_tables import day_and_time
from queuebit_cli.tables import Row, amount
from queuebit_gitops.plan import Change, Plan, World, budget_changes
from queuebit_stack.tenant_history import in_words

__all__ = ["application_rows", "change_rows", "counted", "plan_lines"]


def change_rows(changes: Sequence[Change]) -> list[Row]:
    """Changes of a plan, with the fields that differ."""
    return [
        {"action": it.action, "document": it.kind, "object": it.name, "fields": _fields(it.action, it.fields)}
        for it in changes
    ]


def plan_lines(plan: Plan, world: World) -> Iterator[str]:
    """What a plan comes to, in sentences."""
    yield f"{counted([it.action for it in plan.changes])}; plan {_short(plan.digest)}"
    if "tenants" in plan.documents:
        for currency, delta in budget_changes(world.documents["tenants"], plan.documents["tenants"]).items():
            more = "more" if delta > 0 else "less"
            yield f"budgets of projects: {amount(f'{abs(delta):f}', currency)} {more} in all"
    if plan.kept:
        shown = ", ".join(plan.kept[:5]) + (f" and {len(plan.kept) - 5} more" if len(plan.kept) > 5 else "")
        yield f"in force and not in the documents: {shown}; --prune removes these"


def counted(actions: Sequence[str]) -> str:
    """How many objects are created, changed and removed."""
    words = {"create": "to create", "change": "to change", "remove": "to remove"}
    found = [f"{actions.count(action)} {text}" for action, text in words.items() if action in actions]
    return ", ".join(found) or "nothing differs"


def application_rows(rows: Sequence[Row]) -> list[Row]:
    """Applications, oldest first."""
    return [
        {
            "when": day_and_time(row["at"]),
            "by": row["by"],
            "commit": _commit(row.get("commit")),
            "plan": _short(str(row.get("plan", ""))),
            "fields": "; ".join(_sentences(row)),
        }
        for row in rows
    ]


def _sentences(row: Mapping[str, Any]) -> Iterator[str]:  # a record as the log holds it
    for it in row["changes"]:
        fields = _fields(it["action"], it["fields"])
        yield f"{it['action']} {it['kind']} {it['name']}".rstrip() + (f": {fields}" if it["action"] == "change" else "")
    if row.get("omitted"):
        yield f"and {row['omitted']} more"


def _fields(action: str, fields: Mapping[str, Sequence[Any]]) -> str:  # plain JSON
    if action == "remove":
        return ""
    return in_words(
        {name: list(pair) for name, pair in fields.items() if action == "change" or pair[1] not in ([], {})}
    )


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def _commit(text: object) -> str:
    head, _, rest = str(text or "").partition("-")
    return f"{head[:12]}-{rest}" if rest else head[:12]
