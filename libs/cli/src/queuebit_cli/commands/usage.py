"""`qb tenant usage`."""

from __future__ import annotations

from argparse import Namespace

from queuebit_cli.output import Output
from queuebit_contracts.query import UsageRequest
from queuebit_stack.connection import operator_of
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home
from queuebit_stack.late_usage import measures_of, state_usage
from queuebit_stack.tenant_facts import author

__all__ = ["state"]


def state(args: Namespace, out: Output) -> Exit:
    """State what a job used, where its backend never does."""
    measures = measures_of(args.measures)
    request = UsageRequest(tenant=args.name, job=args.job, measures=measures, by=args.by or author())
    answer = state_usage(operator_of(Home(args.home)), request)
    out.document(answer.model_dump(mode="json", exclude_none=True))
    out.say(f"the usage of {args.job} is final: its bill and its hold follow, see `qb jobs`")
    return Exit.DONE
