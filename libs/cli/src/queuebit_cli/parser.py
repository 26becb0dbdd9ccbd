"""The grammar of `qb`. Commands are named, not imported, so that help is fast."""

from __future__ import annotations

from argparse import ArgumentParser

from queuebit_cli.grammar import (
    DOCUMENT,
    LINES,
    Group,
    Help,
    Parser,
    lifetime,
    moment,
    names,
    number,
    overlap,
    seconds,
    whole,
)

__all__ = ["build"]

_EPILOG = """\
first steps: qb up --detach, then qb submit FILE.qasm --wait
more help:   qb COMMAND --help
exit codes:  0 done, 1 a job failed or a check did not hold, 2 bad usage,
             3 refused, 4 stack unreachable, 5 a dry run differs,
             130 interrupted
"""


_ANYWHERE = "where to run; default: the cheapest ideal simulator that fits (or of the project's default kind)"
_FILE = "OpenQASM 2 or 3, or a batch (.json); `-` is standard input"
_ROLES = ("viewer", "member", "admin")
_SCOPES = ("read", "submit", "admin")
_JOB = "its id, a prefix of its id, or `latest`"


def build() -> ArgumentParser:
    """The whole grammar."""
    parser = Parser(
        "qb",
        description="Queuebit: a shared quantum cloud.",
        epilog=_EPILOG,
        formatter_class=Help,
    )
    words = Group(parser)
    _stack(words)
    _submit(words)
    _jobs(words)
    _hybrid(words.group("hybrid", "Python files that run beside the backends"))
    _reading(words)
    _documents(words)
    _checking(words)
    _delegating(words)
    _sessions(words.group("session", "sessions: priority, and a cap that is a hold"))
    _sidecar(words)
    _tenants(words.group("tenant", "tenants, projects, users and tokens"))
    _operating(words)
    return parser


def _stack(words: Group) -> None:
    up = words.command("up", "stack:up", "start the stack and keep it running")
    up.add_argument("--detach", action="store_true", help="in the background; returns when all processes are ready")
    up.add_argument("--ports", choices=("default", "auto"), help="7420 to 7438, or free ones (as in the last start)")
    words.command("down", "stack:down", "end exactly what `qb up` started; data stays")
    words.command("status", "stack:status", "show which processes are healthy, ready and behind")
    logs = words.command("logs", "logs:logs", "show logs of one service, or of all by time", json=LINES)
    logs.add_argument("service", nargs="?", metavar="SERVICE", help="as `qb status` names it; or `supervisor`")
    logs.add_argument("--follow", "-f", action="store_true", help="follow new lines; Ctrl-C ends it")
    logs.add_argument("--lines", "-n", type=number(0), default=50, metavar="N", help="how many of the last (50)")


def _submit(words: Group) -> None:
    submit = words.command("submit", "submit:submit", "submit a job for each file", client=True, json=LINES)
    submit.add_argument("files", nargs="+", metavar="FILE", help=_FILE)
    _program(submit)
    submit.add_argument("--project", metavar="P", help="the project that pays (the credential's project)")
    submit.add_argument("--shots", type=whole, default=1000, metavar="N", help="how often to run it (1000)")
    submit.add_argument("--backend", metavar="B", help=_ANYWHERE)
    submit.add_argument("--max-cost", metavar="1.50", help="refuse the job if it could cost more")
    submit.add_argument("--key", metavar="K", help="idempotency key: the same key and content is the same job")
    submit.add_argument("--purpose", default="interactive", metavar="TEXT", help="the purpose; not empty (interactive)")
    submit.add_argument(
        "--tag", action="append", default=[], metavar="T", help="name for the bill and its budget; may be repeated"
    )
    submit.add_argument("--session", metavar="ID", help="an open session that it belongs to: see `qb session`")
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


def _jobs(words: Group) -> None:
    plan = words.command("plan", "jobs:plan", "cost and expected quality of a job, before it runs", client=True)
    plan.add_argument("file", metavar="FILE", help=_FILE)
    _program(plan)
    plan.add_argument("--shots", type=whole, default=1000, metavar="N", help="how often it would run (1000)")
    plan.add_argument("--project", metavar="P", help="the project that would pay (the credential's project)")

    jobs = words.command("jobs", "jobs:jobs", "the newest jobs", client=True)
    jobs.add_argument("--project", metavar="P", help="of this project alone")
    _group(jobs, "only the jobs")
    jobs.add_argument("--limit", type=number(1), default=50, metavar="N", help="how many (50)")

    job = words.group("job", "show, explain, watch or cancel one job, or get its result")
    for word, text in (
        ("show", "show its events"),
        ("explain", "why it was placed where it was"),
        ("watch", "follow it until it is sealed"),
        ("cancel", "stop it if it has not ended"),
        ("result", "its counts, or those of each item"),
    ):
        lines = LINES if word == "watch" else DOCUMENT
        command = job.command(word, f"jobs:{word}", text, client=True, json=lines)
        command.add_argument("job", metavar="ID", help=_JOB)
        if word == "explain":
            command.add_argument("--all-tenants", action="store_true", help="name other tenants, too; needs the home")
        if word == "cancel":
            command.add_argument("--reason", default="", metavar="TEXT", help="stored with the cancellation")
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
    listed = hybrid.command("list", "hybrid:list_hybrids", "the newest hybrid jobs", client=True)
    listed.add_argument("--project", metavar="P", help="of this project alone")
    listed.add_argument("--limit", type=number(1, 1000), default=50, metavar="N", help="how many (50)")
    for word, text in (
        ("show", "how it stands"),
        ("logs", "what it writes"),
        ("metrics", "the numbers that it records"),
        ("result", "what it saved"),
        ("cancel", "stop it if it has not ended"),
    ):
        lines = LINES if word in ("logs", "metrics") else DOCUMENT
        command = hybrid.command(word, f"hybrid:{word}", text, client=True, json=lines)
        command.add_argument("hybrid", metavar="ID", help="its id, as `qb hybrid list` shows it")
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


def _reading(words: Group) -> None:
    words.command("backends", "queries:backends", "list backends", client=True)
    left = words.command("balances", "queries:balances", "list balances of accounts and budgets", client=True)
    left.add_argument("--project", metavar="P", help="only the account of this project")
    charges = words.command("charges", "queries:charges", "list charges", client=True)
    charges.add_argument("--project", metavar="P", help="of this project alone")
    charges.add_argument("--limit", type=number(1), default=50, metavar="N", help="how many (50)")
    charges.add_argument(
        "--export", nargs=2, metavar=("FORM", "FILE"), help="write every charge and correction: csv, jsonl or focus"
    )
    charges.add_argument("--from", type=moment, dest="since", metavar="TIME", help="with --export: 2026-11-01, in UTC")
    charges.add_argument("--to", type=moment, dest="until", metavar="TIME", help="with --export: before this time")
    words.command("slo", "queries:slo", "list service levels", client=True)

    receipt = words.group("receipt", "receipts that verify offline")
    get = receipt.command("get", "receipts:get", "write a job's receipt, or those of a group, to a file", client=True)
    get.add_argument("receipt", nargs="?", metavar="ID", help=_JOB)
    _group(get, "all receipts of the jobs")
    get.add_argument("--output", metavar="FILE", help="where (ID.receipt.json, NAME.receipts.json)")
    verify = receipt.command("verify", "receipts:verify", "verify a receipt, or those of a group", client=True)
    verify.add_argument("receipt", metavar="FILE|ID", help=f"a file, or for a job {_JOB}")
    verify.add_argument("--trust", metavar="FILE", help="the trust document (trust.json of the home)")
    verify.add_argument("--result", metavar="FILE", help="compare this result too, from `qb job result --output FILE`")

    events = words.group("events", "what happens")
    events.command("follow", "queries:follow", "print the tenant's events as they are stored", client=True, json=LINES)

    _webhooks(words.group("webhooks", "events as signed requests"))


def _webhooks(webhooks: Group) -> None:
    add = webhooks.command("add", "endpoints:add", "send the tenant's events to a URL", client=True)
    add.add_argument("to", metavar="TARGET", help="such as https://example.com/hook")
    _types(add)
    add.add_argument("--description", default="", metavar="TEXT", help="for people")
    add.add_argument("--handshake", action="store_true", help="ask the receiver first, as CloudEvents has it")
    webhooks.command("list", "endpoints:list_all", "list webhooks", client=True)
    for word, text in (
        ("show", "show a webhook"),
        ("remove", "remove a webhook: nothing more is sent"),
        ("test", "send a test event now, and show the answer"),
        ("deliveries", "list the newest deliveries of a webhook"),
        ("replay", "send an event again, or a range of events"),
        ("enable", "use a webhook again that the receiver disabled by 410"),
        ("rotate", "give a webhook a new secret"),
    ):
        command = webhooks.command(word, f"endpoints:{word}", text, client=True)
        command.add_argument("webhook", metavar="ID", help="its id, or the beginning of it")
        if word == "deliveries":
            command.add_argument("--limit", type=number(1, 100), default=20, metavar="N", help="how many (20)")
        if word == "replay":
            command.add_argument(
                "n", nargs="?", type=number(1), metavar="N", help="one event, as `deliveries` shows it"
            )
            command.add_argument("--after", type=number(0), metavar="N", help="a range: the events after this one")
            command.add_argument("--until", type=number(1), metavar="N", help="up to this one (the newest)")
        if word == "enable":
            command.add_argument("--skip-missed", action="store_true", help="only what is stored from now on")
        if word == "rotate":
            command.add_argument(
                "--overlap", type=overlap, default=86_400, metavar="TIME",
                help="how long the secret before is good, too: such as 15m, 24h or 0 (24h)",
            )  # fmt: skip
    text = "send events of the tenant's jobs to a URL, signed, until Ctrl-C: to try a receiver"
    listen = webhooks.command("listen", "webhooks:listen", text, client=True, json=LINES, anywhere=False)
    listen.add_argument("--forward-to", required=True, metavar="URL", help="such as http://127.0.0.1:8000/hook")
    _types(listen)


def _types(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--types", type=names, default=(), metavar="T", help="only these, such as job.completed,job.failed"
    )


def _tenants(tenant: Group) -> None:
    tenant.command("list", "tenancy:list_tenants", "every tenant")
    tenant.command("show", "tenancy:show", "one tenant", "TENANT")
    _tenant_facts(tenant)
    add = tenant.command("add", "tenancy:add", "a new tenant with a first project and a first user", "TENANT")
    add.add_argument("--share", type=whole, default=1, metavar="N", help="weight in fair share (1)")
    add.add_argument("--user", default="me", metavar="U", help="its first user, an admin (me)")
    add.add_argument("--project", default="main", metavar="P", help="its first project (main)")
    _budget(add)
    _output(add)
    tenant.command("remove", "tenancy:remove", "its users can no longer log in", "TENANT")
    _money(tenant)
    _people(tenant)


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


def _delegating(words: Group) -> None:
    token = words.command("token", "tokens:token", "a short-lived token for HTTP; or list or revoke them", client=True,
                          anywhere=False)  # fmt: skip
    token.add_argument("action", nargs="?", choices=("new", "list", "revoke"), default="new", metavar="ACTION",
                       help="new, list or revoke (new)")  # fmt: skip
    token.add_argument("delegation", nargs="?", metavar="ID", help="which one to revoke, as `list` shows it")
    token.add_argument(
        "--for", type=lifetime, dest="lifetime", metavar="TIME", help="its life, such as 90s, 15m or 12h (1h)"
    )
    token.add_argument(
        "--scope", choices=_SCOPES, metavar="SCOPE", help=f"{', '.join(_SCOPES)} (what your role allows, up to submit)"
    )
    token.add_argument("--project", metavar="P", help="it submits to this project only")
    console = words.command("console", "tokens:console", "open the web console, logged in", client=True, anywhere=False)
    console.add_argument(
        "--for", type=lifetime, dest="lifetime", metavar="TIME", help="how long it stays logged in (8h)"
    )
    console.add_argument(
        "--scope", choices=_SCOPES, metavar="SCOPE", help=f"{', '.join(_SCOPES)} (what your role allows)"
    )
    console.add_argument("--url", dest="gateway", metavar="URL", help="of the gateway (that of the home's stack)")
    console.add_argument("--no-open", action="store_true", help="only print the address")


def _sidecar(words: Group) -> None:
    text = "a gateway on a Unix socket, for a program that has no credentials; Ctrl-C ends it"
    sidecar = words.command("sidecar", "sidecar:sidecar", text, client=True)
    sidecar.add_argument("--socket", metavar="PATH", help="where to listen (sidecar.sock in the home)")
    sidecar.add_argument(
        "--key", metavar="K", help="makes keys for jobs that have none: an equal request is the same job"
    )
    sidecar.add_argument("--scope", choices=_SCOPES, default="submit", metavar="SCOPE", help="what it may do (submit)")


def _money(tenant: Group) -> None:
    text = "set a project's budget, or change it by +N or -N"
    tenant.command("fund", "tenancy:fund", text, "TENANT", "PROJECT", "AMOUNT")

    budget = tenant.command("budget", "budgets:budget", "limit the cost of jobs of several accounts; or list balances")
    budget.add_argument("tenant", nargs="?", metavar="TENANT", help="without it, list the budgets of all tenants")
    budget.add_argument("what", nargs="?", metavar="WHAT", help="tenant, project:NAME, user:NAME or tag:NAME")
    budget.add_argument("amount", nargs="?", metavar="AMOUNT", help="all that these jobs may cost; `none` removes it")
    budget.add_argument("--currency", default="USD", metavar="C", help="of the price book (USD)")

    limit = tenant.command("limit", "budgets:limit", "limits of a tenant, and backends of a project", "TENANT")
    limit.add_argument("project", nargs="?", metavar="PROJECT")
    limit.add_argument("--share", type=number(1), metavar="N", help="of the tenant: weight in fair share")
    limit.add_argument("--max-shots", type=number(1), metavar="N", help="of the tenant: shots of one job")
    limit.add_argument("--max-active-jobs", type=number(1), metavar="N", help="of the tenant: jobs that have not ended")
    limit.add_argument("--backends", metavar="A,B", help="of the project: where it may run; `all` for everywhere")
    limit.add_argument("--default-kind", metavar="KIND", help="of the project: simulator, emulated or qpu")

    usage = tenant.command(
        "usage", "tenancy:state_usage", "state what a job used, where its backend never does", "TENANT"
    )
    usage.add_argument("job", metavar="JOB", help="its whole id")
    usage.add_argument("measures", nargs="+", metavar="METRIC=N", help="qpu-time (microseconds), shots, qubits")
    usage.add_argument("--by", metavar="NAME", help="who states it, as the fact names it (your account)")

    project = tenant.group("project", "what is paid from one account")
    _budget(project.command("add", "tenancy:add_project", "a new project", "TENANT", "PROJECT"))


def _people(tenant: Group) -> None:
    user = tenant.group("user", "persons and programs")
    new = user.command("add", "tenancy:add_user", "a new user with a credential", "TENANT", "USER")
    new.add_argument("--role", choices=_ROLES, default="member")
    _output(new)
    role = user.command("role", "tenancy:set_role", "give a user another role", "TENANT", "USER")
    role.add_argument("role", choices=_ROLES, metavar="ROLE", help=", ".join(_ROLES))
    user.command("remove", "tenancy:remove_user", "a user goes, with every token", "TENANT", "USER")

    token = tenant.group("token", "what users log in with")
    _output(token.command("new", "tenancy:new_token", "add a token; older ones stay valid", "TENANT", "USER"))
    revoke = token.command("revoke", "tenancy:revoke_token", "revoke a token", "TENANT", "USER")
    revoke.add_argument("key", metavar="KEY", help="a prefix of its public key, as in `qb tenant show`")


def _tenant_facts(tenant: Group) -> None:
    apply = tenant.command("apply", "directory:apply", "put a tenants file in force")
    apply.add_argument("file", nargs="?", metavar="FILE", help="which becomes the home's; without it, the home's own")
    apply.add_argument("--dry-run", action="store_true", help="show what it would change, and change nothing")
    apply.add_argument("--by", metavar="NAME", help="who changes it, as the facts name it (your account)")
    export = tenant.command("export", "directory:export", "what is in force, as a tenants file")
    export.add_argument("--output", metavar="FILE", help="where; without it, print it")
    history = tenant.command("history", "directory:history", "who changed a tenant, what, and when", "TENANT")
    for words in (apply, export, history):
        words.add_argument("--url", metavar="URL", help="of the bus of a stack elsewhere, instead of a home here")
        words.add_argument("--seed-file", metavar="FILE", help="with --url: the seed of that stack's operator")
        words.add_argument("--ca-file", metavar="FILE", help="with --url: the authority of that bus's certificates")


def _documents(words: Group) -> None:
    apply = words.command("apply", "documents:apply", "put the documents of a folder in force")
    apply.add_argument("-f", dest="folder", metavar="DIR", help="the folder, or one file of it")
    apply.add_argument("--dry-run", action="store_true", help="show the plan; exit code 5 if anything differs")
    apply.add_argument("--prune", action="store_true", help="also remove what the documents do not name")
    apply.add_argument("--plan", metavar="FILE", help="with --dry-run, write the plan there; without, apply that plan")
    apply.add_argument("--by", metavar="NAME", help="who applies it, as the record names it (your account)")
    apply.add_argument("--history", action="store_true", help="what was applied, by whom, from which commit")
    export = words.command("export", "documents:export", "write what is in force into a folder", "DIR")
    export.add_argument("--format", choices=("toml", "yaml"), default="toml", help="toml or yaml (toml)")


def _operating(words: Group) -> None:
    sql = words.command("sql", "sql:sql", "query the warehouse, read-only")
    sql.add_argument("query", metavar="QUERY", help="of ClickHouse; tables: events, jobs, otel_traces")
    sql.add_argument("--tenant", metavar="T", help="query as a user of this tenant, who sees only the tenant's rows")
    sql.add_argument("--user", metavar="U", help="which of the tenant's users, if the home has several")
    doctor = words.command("doctor", "doctor:doctor", "check everything; list, replay or drop dead letters")
    either = doctor.add_mutually_exclusive_group()
    either.add_argument("--replay", metavar="ID|all", help="send a dead letter to its service again")
    either.add_argument("--drop", metavar="ID|all", help="delete a dead letter")
    backup = words.command("backup", "backup:backup", "copy the home; the stack may run")
    backup.add_argument("folder", metavar="DIR", help="the target folder")
    recover = words.command("recover", "recover:recover", "restore a damaged log from the warehouse")
    how = recover.add_mutually_exclusive_group()
    how.add_argument("--give-up", action="store_true", help="record messages as lost if they cannot be restored now")
    how.add_argument("--begin-anew", action="store_true", help="move all jobs, money, receipts and keys aside")
    verify = words.command("verify", "verify:verify", "check the invariants of the whole stack")
    verify.add_argument("--wait", type=seconds, default=30.0, metavar="S", help="wait so long for unfinished work (30)")
    verify.add_argument("--sample", type=number(1), metavar="N", help="recompute N scheduling decisions, not all")
    verify.add_argument("--seed", default="0", metavar="TEXT", help="chooses the sample (0)")
    warehouse = words.group("warehouse", "the analytical store")
    warehouse.command("rebuild", "warehouse:rebuild", "fill it again from the log")
    login = warehouse.command(
        "login", "warehouse:login", "a password for any ClickHouse client", client=True, anywhere=False
    )
    login.add_argument(
        "--hours", type=number(1, 24), default=8, metavar="H", help="hours until it expires: 1 to 24 (8)"
    )
    containers = words.group("containers", "the same stack on a container engine")
    containers.command("prepare", "containers:prepare", "keys and configuration for compose.yaml, in a home of its own")


def _budget(parser: ArgumentParser) -> None:
    parser.add_argument("--budget", default="0", metavar="N", help="all that the project may ever spend (0)")
    parser.add_argument("--currency", default="USD", metavar="USD", help="of the budget (USD)")


def _output(parser: ArgumentParser) -> None:
    parser.add_argument("--output", metavar="FILE", help="write the credential there instead of into the home")
