"""`qb submit --flag`: the arm of each job, what it changes, and the tag that records it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from queuebit_cli.connecting import client_of
from queuebit_cli.output import Output
from queuebit_cli.progress import run
from queuebit_experiments import ASSIGNING, arm_in_use, arm_tag
from queuebit_kernel import job_id, new_key
from queuebit_stack.errors import Exit, Stop

__all__ = ["Flag", "read_flag"]


@dataclass(frozen=True, slots=True)
class Flag:
    """The canary that started last with a flag, for one tenant."""

    tenant: str
    row: Mapping[str, Any]  # JSON

    def applied(self, options: Mapping[str, Any]) -> dict[str, Any]:  # arguments of `Client.submit`
        """The options of a job, with those of its arm; its key decides the arm, and is made if there is none."""
        row, key = self.row, options["key"] or new_key()
        changed = {**options, "key": key}
        unit = self.tenant if row["unit"] == "tenant" else job_id(self.tenant, key)
        arm = arm_in_use(row["canary"], row["state"], unit, row["share_percent"])
        if row["state"] in ASSIGNING:
            changed["tags"] = [*options["tags"], arm_tag(row["canary"], arm)]
        value = row[arm]
        if row["subject"] == "backend":
            return {**changed, "backend": value}
        given = value if isinstance(value, dict) else {"optimization_level": value}
        return {**changed, "compilation": {**options["compilation"], **given}}


def read_flag(args: Namespace, out: Output) -> Flag:
    """Ask the platform for a flag.

    Raises:
        Stop: no canary has it, or it is no compiler option and no backend, or an option says the same.
    """

    async def asked() -> Flag:
        async with client_of(args) as client:
            rows = {it["flag"]: it for it in await client.canaries()}
            if args.flag not in rows:
                known = ", ".join(sorted(map(str, rows))) or "none: `qb canary start` starts one"
                raise Stop(Exit.REFUSED, f"no canary started with the flag {args.flag}; there are: {known}")
            return Flag(client.credential.tenant, rows[args.flag])

    flag = run(asked(), out, "asking for the flag")
    subject = flag.row["subject"]
    if subject not in {"compiler", "backend"}:
        raise Stop(
            Exit.USAGE, f"{args.flag} chooses a {subject}: evaluate it in your program, with queuebit-openfeature"
        )
    if subject == "backend" and args.backend:
        raise Stop(Exit.USAGE, "--backend and --flag both choose the backend: give one")
    return flag
