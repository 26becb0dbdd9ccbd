"""The grammar of `qb`. Commands are named, not imported, so that help is fast."""

from __future__ import annotations

from argparse import ArgumentParser

from queuebit_cli.grammar import (
    DOCUMENT,
    LINES,
    Group,
    Help,
    Parser,
    deadline,
    lifetime,
    moment,
    names,
    number,
    seconds,
    share,
    whole,
)
from queuebit_cli.parser_alerts import alert_commands, silence_commands
from queuebit_cli.parser_archive import archive_commands
from queuebit_cli.parser_audit import audit_commands
from queuebit_cli.parser_canaries import canary_commands
from queuebit_cli.parser_checkpoints import checkpoint_commands
from queuebit_cli.parser_circuits import circuit_commands
from queuebit_cli.parser_deployment import deployment_commands
from queuebit_cli.parser_erase import erase_commands
from queuebit_cli.parser_fleet import fleet_commands
from queuebit_cli.parser_http import sidecar_commands, token_commands, webhook_commands
from queuebit_cli.parser_incidents import incident_commands, readiness_commands
from queuebit_cli.parser_inventory import inventory_commands
from queuebit_cli.parser_invoices import invoice_commands
from queuebit_cli.parser_keys import key_commands
from queuebit_cli.parser_lab import lab_commands
from queuebit_cli.parser_master_key import master_key_commands
from queuebit_cli.parser_money import ledger_commands, reconcile_commands, report_commands
from queuebit_cli.parser_operator import (
    document_commands,
    operating_commands,
    price_commands,
    stack_commands,
    tenant_commands,
)
from queuebit_cli.parser_probes import gameday_commands, probe_commands, smoke_commands
from queuebit_cli.parser_random import random_commands
from queuebit_cli.parser_replays import replay_commands
from queuebit_cli.parser_reservations import reserve_commands, window_commands
from queuebit_cli.parser_signing import signing_commands
from queuebit_cli.parser_slo import slo_commands
from queuebit_cli.parser_templates import template_commands
from queuebit_cli.parser_tls import tls_commands
from queuebit_cli.topics import TOPICS

__all__ = ["build"]

_EPILOG = """\
first steps: qb up --detach, then qb submit FILE.qasm --wait
more help:   qb COMMAND --help
exit codes:  0 done, 1 a job failed or a check did not hold, 2 bad usage,
             3 refused, 4 stack unreachable, 5 a dry run differs,
             130 interrupted
"""

_ANYWHERE = "where to run; repeated: on one of these; default: the cheapest simulator, or of the project's default kind"
_FILE = "OpenQASM, QIR (.ll, .bc), Q# (.qs), or a batch (.json); `-` is standard input"
_NAMED = "; or a named circuit: NAME@7, NAME@released"
_JOB = "its id, a prefix of its id, or `latest`"


def build() -> ArgumentParser:
    """The whole grammar."""
    parser = Parser(
        "qb",
        description="Queuebit: a shared quantum cloud.",
        epilog=_EPILOG,
        formatter_class=Help,
    )
    parser.topics = TOPICS
    words = Group(parser)
    stack_commands(words)
    _submit(words)
    _jobs(words)
    template_commands(words.group("template", "ready workloads"))
    random_commands(words)
    _hybrid(words.group("hybrid", "Python files that run beside the backends"))
    _reading(words)
    document_commands(words)
    _checking(words)
    smoke_commands(words)
    probe_commands(words.group("probe", "jobs with known results, on a schedule"))
    backend = words.group("backend", "as the operator: isolate, readmit, and plan times in which no job runs")
    fleet_commands(backend)
    window_commands(backend.group("window", "times in which no job runs on a backend"))
    _estimating(words)
    token_commands(words)
    _sessions(words.group("session", "sessions: priority, and a cap that is a hold"))
    reserve_commands(words.group("reserve", "time slots of backends, for the jobs of a project alone"))
    sidecar_commands(words)
    tenant_commands(words.group("tenant", "tenants, projects, users and tokens"))
    price_commands(words.group("prices", "price books: check, compare, show"))
    invoice_commands(words.group("invoice", "invoices of tenants, and credits"))
    ledger_commands(words)
    audit_commands(words)
    archive_commands(words.group("archive", "the log in Parquet files: write them, show them, check them"))
    erase_commands(words)
    inventory_commands(words)
    alert_commands(words)
    silence_commands(words.group("silence", "alerts that notify no receiver for a time"))
    canary_commands(words.group("canary", "a candidate beside what is in use, on some jobs"))
    reconcile_commands(words)
    report_commands(words)
    incident_commands(words.group("incident", "what pages are about, from the first to the post-mortem"))
    readiness_commands(words)
    operating_commands(words)
    gameday_commands(words)
    lab_commands(words.group("lab", "scheduling policies in simulated time"))
    return parser


def _submit(words: Group) -> None:
    submit = words.command("submit", "submit:submit", "submit a job for each file", client=True, json=LINES)
    submit.add_argument("files", nargs="+", metavar="FILE", help=_FILE + _NAMED)
    _program(submit)
    submit.add_argument(
        "--reference",
        metavar="FILE",
        help='outcomes to compare with: {"00": 1, "11": 1}; or `ideal`, as simulated here',
    )
    submit.add_argument(
        "--floor", type=share, metavar="0.9", help="fidelity to the reference from which a result is usable"
    )
    submit.add_argument("--project", metavar="P", help="the project that pays (the credential's project)")
    submit.add_argument("--shots", type=whole, default=1000, metavar="N", help="how often to run it (1000)")
    submit.add_argument("--backend", action="append", metavar="B", help=_ANYWHERE)
    _limits(submit)
    submit.add_argument(
        "--no-fallback",
        dest="fallback",
        action="store_false",
        help="wait for what it asks for, whatever the fallback rule of its project says",
    )
    submit.add_argument(
        "--alone",
        action="store_true",
        help="no other circuit on the device while it runs, whatever its project allows",
    )
    submit.add_argument(
        "--objective", metavar="O", help="cost, time, fidelity or balanced: what counts among backends (as its project)"
    )
    submit.add_argument(
        "--priority", type=int, metavar="N", help="-9 to 9: before or after the jobs of its project and class (0)"
    )
    submit.add_argument("--max-cost", metavar="1.50", help="refuse the job if it could cost more")
    submit.add_argument("--key", metavar="K", help="idempotency key: the same key and content is the same job")
    submit.add_argument("--purpose", default="interactive", metavar="TEXT", help="the purpose; not empty (interactive)")
    submit.add_argument(
        "--tag", action="append", default=[], metavar="T", help="name for the bill and its budget; may be repeated"
    )
    submit.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="NAME@VERSION",
        help="a data set that it was made from, for its receipt; then =FILE or =sha256:... ; may be repeated",
    )
    submit.add_argument(
        "--class", dest="workload_class", metavar="C", help="such as interactive or batch: its place and its budget"
    )
    submit.add_argument(
        "--session", metavar="ID", help="an open session that it belongs to, by its id, a prefix, or `latest`"
    )
    _place(submit)
    submit.add_argument(
        "--flag",
        metavar="F",
        help="take the compiler options or the backend from this flag's canary, and record the arm",
    )
    submit.add_argument("--seed", type=whole, metavar="N", help="seed of the simulation (from the job's id)")
    submit.add_argument("--label", metavar="TEXT", help="a display name (the file's name)")
    submit.add_argument("--wait", action="store_true", help="wait for results, charges and receipts")
    submit.add_argument("--timeout", type=seconds, metavar="S", help="wait no longer; the job continues")


def _program(command: ArgumentParser) -> None:
    command.add_argument("--sweep", metavar="FILE", help='bindings of its inputs, as JSON: {"theta": [0, 0.1]}')
    command.add_argument(
        "--observable", action="append", default=[], metavar="ZZ", help='estimate it; or a sum: {"XI": 0.5, "ZZ": 1}'
    )
    command.add_argument("--outputs", type=names, metavar="LIST", help="of counts, memory, quasi (counts)")
    command.add_argument("--optimization-level", type=number(1, 3), metavar="1-3", help="of the compiler (its default)")
    command.add_argument("--dynamical-decoupling", metavar="SEQ", help="pulses in idle times: xx or xy4 (none)")
    command.add_argument(
        "--twirling", type=number(1, 64), metavar="N", help="run N randomised copies of each circuit (none)"
    )
    command.add_argument(
        "--post", action="append", default=[], metavar="STEP", help="after the run: readout-mitigation/1 or zne/1"
    )


def _place(command: ArgumentParser) -> None:
    """When a job may run at all."""
    command.add_argument(
        "--spot", action="store_true", help="run only while no other job wants the backend, at the price of spot jobs"
    )
    command.add_argument(
        "--reservation", metavar="ID", help="run in this slot and nowhere else: its id, a prefix, or `latest`"
    )


def _limits(command: ArgumentParser) -> None:
    """What a backend must offer to run a job at all."""
    command.add_argument(
        "--min-fidelity", metavar="0.9", help="the least estimated success probability (its project's)"
    )
    command.add_argument(
        "--deadline",
        type=deadline,
        metavar="TIME",
        help="when the result must be there: 2h, or a time (its project's)",
    )
    command.add_argument(
        "--vendor", action="append", default=[], metavar="V", help="only at this vendor, such as ibm; may be repeated"
    )
    command.add_argument(
        "--region", action="append", default=[], metavar="R", help="only in this region; may be repeated"
    )


def _jobs(words: Group) -> None:
    plan = words.command("plan", "jobs:plan", "cost and expected quality of a job, before it runs", client=True)
    plan.add_argument("file", metavar="FILE", help=_FILE)
    _program(plan)
    plan.add_argument("--shots", type=whole, default=1000, metavar="N", help="how often it would run (1000)")
    plan.add_argument(
        "--backend",
        action="append",
        metavar="B",
        help="only this one; may be repeated (all that the project may use)",
    )
    _limits(plan)
    _place(plan)
    plan.add_argument("--max-cost", metavar="1.50", help="the most that it may cost")
    plan.add_argument("--project", metavar="P", help="the project that would pay (the credential's project)")

    jobs = words.command("jobs", "jobs:jobs", "the newest jobs", client=True)
    jobs.add_argument("--project", metavar="P", help="of this project alone")
    _group(jobs, "only the jobs")
    jobs.add_argument("--limit", type=number(1), default=50, metavar="N", help="how many (50)")

    job = words.group("job", "show, explain, watch, cancel or repeat one job, or get its result")
    for word, text in (
        ("show", "show its events"),
        ("explain", "why it was placed where it was"),
        ("watch", "follow it until it is sealed"),
        ("cancel", "stop it if it has not ended"),
        ("result", "its counts, or those of each item"),
        ("rerun", "run its work again, as a job of its own"),
    ):
        lines = LINES if word == "watch" else DOCUMENT
        command = job.command(word, f"jobs:{word}", text, client=True, json=lines)
        command.add_argument("job", metavar="ID", help=_JOB)
        if word == "explain":
            command.add_argument("--all-tenants", action="store_true", help="name other tenants, too; needs the home")
        if word == "cancel":
            command.add_argument("--reason", default="", metavar="TEXT", help="stored with the cancellation")
        if word == "rerun":
            command.add_argument(
                "--max-cost", metavar="1.50", help="refuse it if it could cost more (as the first job)"
            )
        if word == "result":
            command.add_argument("--timeout", type=seconds, default=0.0, metavar="S", help="wait so long for it (0)")
            command.add_argument("--output", metavar="FILE", help="also write the counts there, as JSON")


def _group(command: ArgumentParser, what: str) -> None:
    kinds = command.add_mutually_exclusive_group()
    kinds.add_argument("--tag", metavar="T", help=f"{what} with this tag")
    kinds.add_argument("--session", metavar="S", help=f"{what} of the session with this id")
    kinds.add_argument("--workflow", metavar="W", help=f"{what} of the workflow with this name")


def _hybrid(hybrid: Group) -> None:
    run = hybrid.command("run", "hybrid:run", "have the platform run a Python file", client=True, json=LINES)
    run.add_argument("file", metavar="FILE", help="a Python file; it declares its dependencies as PEP 723 says")
    run.add_argument("--param", action="append", default=[], metavar="N=V", help="a parameter: JSON, or a text")
    run.add_argument("--max-time", type=lifetime, default=600, metavar="TIME", help="stop it after 90s or 2h (10m)")
    run.add_argument("--max-cost", metavar="1.50", help="the most that it and its jobs may cost together")
    run.add_argument("--project", metavar="P", help="the project that pays (the credential's project)")
    run.add_argument("--purpose", default="interactive", metavar="TEXT", help="the purpose; not empty (interactive)")
    run.add_argument("--label", metavar="TEXT", help="a display name (the file's name)")
    run.add_argument("--key", metavar="K", help="idempotency key: the same key and content is the same hybrid job")
    run.add_argument("--retries", type=number(0, 5), default=0, metavar="N", help="run it again if it is lost (0)")
    run.add_argument("--tag", action="append", default=[], metavar="T", help="name for the bill; may be repeated")
    run.add_argument("--follow", "-f", action="store_true", help="show what it writes, and how it ends")
    listed = hybrid.command("list", "hybrid:list_hybrids", "list the newest hybrid jobs", client=True)
    listed.add_argument("--project", metavar="P", help="of this project alone")
    listed.add_argument("--limit", type=number(1, 1000), default=50, metavar="N", help="how many (50)")
    for word, text in (
        ("show", "show the state and the cost of a hybrid job"),
        ("logs", "print what a hybrid job writes"),
        ("metrics", "print the numbers that a hybrid job records"),
        ("result", "print what a hybrid job saved"),
        ("cancel", "stop a hybrid job"),
    ):
        lines = LINES if word in ("logs", "metrics") else DOCUMENT
        command = hybrid.command(word, f"hybrid:{word}", text, client=True, json=lines)
        command.add_argument("hybrid", metavar="ID", help=_JOB)
        if word in ("logs", "metrics"):
            command.add_argument("--follow", "-f", action="store_true", help="until it ends")
        if word == "result":
            command.add_argument("--timeout", type=seconds, default=0.0, metavar="S", help="wait so long for it (0)")
            command.add_argument("--output", metavar="FILE", help="write it there, as JSON")
        if word == "cancel":
            command.add_argument("--reason", default="", metavar="TEXT", help="stored with the cancellation")


def _checking(words: Group) -> None:
    ci = words.command("ci", "ci:ci", "check the circuits of a change against a policy", client=True)
    ci.add_argument("files", nargs="*", metavar="FILE", help="circuits to check (all that the policy names)")
    ci.add_argument("--since", metavar="REF", help="only what changed since this commit; compare with it")
    ci.add_argument("--policy", metavar="FILE", help="gates and patterns (queuebit-ci.toml, if it exists)")
    ci.add_argument("--baseline", metavar="FILE", help="compare with these plans (the policy's baseline)")
    ci.add_argument("--write-baseline", metavar="FILE", help="write the plans of this run there")
    ci.add_argument("--offline", action="store_true", help="use no stack: simulate here; no prices, nothing is paid")
    ci.add_argument("--plan-only", action="store_true", help="run no circuit")
    ci.add_argument("--output", metavar="DIR", help="write report.md, report.json, junit.xml and report.sarif there")
    ci.add_argument("--comment", action="store_true", help="update the comment of this pull or merge request")


def _estimating(words: Group) -> None:
    text = "physical qubits and run time of a circuit on error-corrected hardware"
    estimate = words.command("estimate", "estimate:estimate", text)
    estimate.add_argument("file", metavar="FILE", help="OpenQASM, QIR (.ll, .bc) or Q# (.qs); `-` is standard input")
    estimate.add_argument(
        "--model", action="append", default=[], metavar="NAME", help="a hardware model; may be repeated (all six)"
    )
    estimate.add_argument("--budget", type=share, default=0.001, metavar="P", help="how likely it may fail (0.001)")


def _reading(words: Group) -> None:
    words.command(
        "backends",
        "queries:backends",
        "list backends: size, errors, price, and what is out of service",
        client=True,
    )
    left = words.command("balances", "queries:balances", "list balances of accounts and budgets", client=True)
    left.add_argument("--project", metavar="P", help="only the account of this project")
    quota = words.command("quota", "quotas:show", "what is used and left of quotas", client=True)
    quota.add_argument("--project", metavar="P", help="only those that a job of this project counts against")
    charges = words.command("charges", "queries:charges", "list charges", client=True)
    charges.add_argument("--project", metavar="P", help="of this project alone")
    charges.add_argument("--limit", type=number(1), default=50, metavar="N", help="how many (50)")
    charges.add_argument(
        "--export", nargs=2, metavar=("FORM", "FILE"), help="write every charge and correction: csv, jsonl or focus"
    )
    by = "sums by: tenant, day, month, project, user, backend, tag, session, label, circuit, kind, price, component"
    charges.add_argument("--by", type=names, default=(), metavar="A,B", help=by)
    charges.add_argument("--csv", action="store_true", help="with --by: the sums as CSV")
    charges.add_argument("--all-tenants", action="store_true", help="with --by: of all tenants; needs the home")
    period = "with --by or --export"
    charges.add_argument("--from", type=moment, dest="since", metavar="TIME", help=f"{period}: 2026-11-01, in UTC")
    charges.add_argument("--to", type=moment, dest="until", metavar="TIME", help=f"{period}: before this time")
    slo_commands(words)

    receipt = words.group("receipt", "receipts that verify offline")
    get = receipt.command("get", "receipts:get", "write a job's receipt, or those of a group, to a file", client=True)
    get.add_argument("receipt", nargs="?", metavar="ID", help=_JOB)
    _group(get, "all receipts of the jobs")
    get.add_argument(
        "--output",
        metavar="FILE",
        help="where (ID.receipt.json, NAME.receipts.json); a name in .gz compresses a job's receipt",
    )
    verify = receipt.command("verify", "receipts:verify", "verify a receipt, or those of a group", client=True)
    verify.add_argument("receipt", metavar="FILE|ID", help=f"a file, or for a job {_JOB}")
    verify.add_argument("--trust", metavar="FILE", help="the trust document (trust.json of the home)")
    verify.add_argument("--result", metavar="FILE", help="compare this result too, from `qb job result --output FILE`")
    text = "verifier keys of witnesses that must have cosigned the head of the log"
    verify.add_argument("--witnesses", metavar="FILE", help=text)

    checkpoint_commands(words.group("checkpoint", "the signed head of the log: continuity and witnesses"))
    key_commands(words.group("keys", "the keys that sign receipts: list, replace"))
    master_key_commands(words.group("master-key", "the key with which stored data are encrypted"))
    tls_commands(words)
    deployment_commands(words.group("deployment", "the servers of the bus, as queuebit.toml describes them"))
    signing_commands(words)
    replay_commands(words)
    circuit_commands(words.group("circuit", "named circuits: versions, from the draft to the release"))

    events = words.group("events", "what happens")
    events.command("follow", "queries:follow", "print the tenant's events as they are stored", client=True, json=LINES)

    webhook_commands(words.group("webhooks", "events as signed requests"))


def _sessions(session: Group) -> None:
    opened = session.command("open", "sessions:open_", "open a session, and hold its cap", client=True)
    opened.add_argument("--backend", metavar="B", help="where all its jobs run, before others (any, without priority)")
    opened.add_argument("--max-cost", metavar="M", help="its cap: what its jobs and idle time cost at most (none)")
    opened.add_argument("--max-idle", type=lifetime, metavar="TIME", help="it closes after this without a job (5m)")
    opened.add_argument("--max-age", type=lifetime, metavar="TIME", help="it closes at this age, at most 24h (8h)")
    opened.add_argument("--project", metavar="P", help="the project that pays (the credential's)")
    opened.add_argument("--name", metavar="TEXT", help="a display name")
    opened.add_argument("--key", metavar="K", help="idempotency key: the same key and content is the same session")
    opened.add_argument("--dry-run", action="store_true", help="show the price of idle time, and open nothing")
    listed = session.command(
        "list", "sessions:list_", "list sessions that are open, or closed within a day", client=True
    )
    listed.add_argument("--limit", type=number(1), default=50, metavar="N", help="how many (50)")
    session.command("show", "sessions:show", "show what a session costs, and what is left", "SESSION", client=True)
    session.command("close", "sessions:close", "close a session; its jobs continue", "SESSION", client=True)
