"""The grammar of the commands of operators: the stack, documents, tenants and checks."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction

from queuebit_cli.grammar import LINES, Group, moment, names, none_or, number, seconds, whole
from queuebit_contracts.roles import FORMER_ROLES, ROLES

__all__ = ["document_commands", "operating_commands", "price_commands", "stack_commands", "tenant_commands"]


def stack_commands(words: Group) -> None:
    """The stack and its logs."""
    up = words.command("up", "stack:up", "start the stack and keep it running")
    up.add_argument("--detach", action="store_true", help="in the background; returns when all processes are ready")
    up.add_argument("--ports", choices=("default", "auto"), help="7420 to 7442, or free ones (as in the last start)")
    words.command("down", "stack:down", "end exactly what `qb up` started; data stays")
    words.command("status", "stack:status", "show which processes are healthy, ready and behind")
    logs = words.command("logs", "logs:logs", "show logs of one service, or of all by time", json=LINES)
    logs.add_argument("service", nargs="?", metavar="SERVICE", help="as `qb status` names it; or `supervisor`")
    logs.add_argument("--follow", "-f", action="store_true", help="follow new lines; Ctrl-C ends it")
    logs.add_argument("--lines", "-n", type=number(0), default=50, metavar="N", help="how many of the last (50)")


def document_commands(words: Group) -> None:
    """Documents as code."""
    apply = words.command("apply", "documents:apply", "put the documents of a folder in force")
    apply.add_argument("-f", dest="folder", metavar="DIR", help="the folder, or one file of it")
    apply.add_argument("--dry-run", action="store_true", help="show the plan; exit code 5 if anything differs")
    apply.add_argument("--prune", action="store_true", help="also remove what the documents do not name")
    apply.add_argument("--plan", metavar="FILE", help="with --dry-run, write the plan there; without, apply that plan")
    apply.add_argument("--by", metavar="NAME", help="who applies it, as the record names it (your account)")
    apply.add_argument("--history", action="store_true", help="what was applied, by whom, from which commit")
    export = words.command("export", "documents:export", "write what is in force into a folder", "DIR")
    export.add_argument("--format", choices=("toml", "yaml"), default="toml", help="toml or yaml (toml)")


def price_commands(prices: Group) -> None:
    """Price books, as files and in force."""
    check = prices.command("check", "prices:check", "check a price book; exit code 1 if it has a problem or a gap")
    check.add_argument("file", metavar="FILE", help="in TOML, or in JSON if it ends with .json")
    diff = prices.command("diff", "prices:diff", "compare two editions; exit code 5 if they differ")
    diff.add_argument("old", metavar="OLD", help="the edition in force")
    diff.add_argument("new", metavar="NEW", help="the edition that may replace it: rows may be added and ended only")
    shadow = prices.command("shadow", "prices:shadow", "rate what was billed by a draft; exit code 5 if it differs")
    shadow.add_argument("draft", metavar="DRAFT", help="the price book that may replace the one in force")
    shadow.add_argument("--days", type=whole, default=7, metavar="N", help="jobs billed in the last N days (7)")
    show = prices.command("show", "prices:show", "the prices that are valid, with their sources")
    show.add_argument("backend", nargs="?", metavar="BACKEND", help="the price of this backend alone")
    show.add_argument("--at", type=moment, metavar="TIME", help="valid then (now)")
    show.add_argument("--book", metavar="FILE", help="of this price book (the home's, else that of a new stack)")


def tenant_commands(tenant: Group) -> None:
    """Tenants, and all that belongs to them."""
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
    _namespaces(tenant)
    _finance(tenant.group("finance", "logins that read charges of some tenants in the warehouse"))


def _money(tenant: Group) -> None:
    text = "set a project's budget, or change it by +N or -N"
    tenant.command("fund", "tenancy:fund", text, "TENANT", "PROJECT", "AMOUNT")

    budget = tenant.command("budget", "budgets:budget", "limit the cost of jobs of several accounts; or list balances")
    budget.add_argument("tenant", nargs="?", metavar="TENANT", help="without it, list the budgets of all tenants")
    budget.add_argument(
        "what", nargs="?", metavar="WHAT", help="tenant, or project:, user:, tag:, class: or vendor:NAME"
    )
    budget.add_argument("amount", nargs="?", metavar="AMOUNT", help="what these jobs may cost; `none` removes it")
    budget.add_argument("--currency", default="USD", metavar="C", help="of the price book (USD)")
    budget.add_argument("--window", metavar="W", help="which charges count: lifetime, month, or days such as 30d")
    budget.add_argument("--soft", action=BooleanOptionalAction, help="only warn, or refuse jobs")
    budget.add_argument("--warn-at", type=names, metavar="LIST", help="shares that are announced (0.5,0.8,1)")

    quota = tenant.command("quota", "quotas:set_quota", "limit what jobs may use together in a window", "TENANT")
    quota.add_argument("what", metavar="WHAT", help="tenant, project:NAME, user:NAME, or class:NAME of each user")
    quota.add_argument("--active-jobs", type=number(1), metavar="N", help="jobs that have not ended")
    quota.add_argument("--shots", type=number(1), metavar="N", help="shots in the window")
    quota.add_argument("--qpu-seconds", type=number(1), metavar="N", help="time on devices in the window")
    quota.add_argument("--reservations", type=number(0), metavar="N", help="reservations that are not over (20)")
    quota.add_argument("--reserved-seconds", type=number(0), metavar="N", help="their time, on all backends together")
    quota.add_argument("--window", metavar="W", help="hours or days, such as 24h or 7d, at most 31d (1d)")
    quota.add_argument("--remove", action="store_true", help="remove the quota")

    text = "what jobs of a class prefer that name no objective"
    work = tenant.command("class", "classes:set_class", text, "TENANT")
    work.add_argument("name", metavar="CLASS", help="such as batch, as jobs name it")
    work.add_argument("--objective", metavar="O", help="cost, time, fidelity or balanced")
    work.add_argument("--remove", action="store_true", help="their projects say what they prefer")

    text = "prepaid credit that pays before the budget does; once granted, it does not change"
    grant = tenant.command("grant", "budgets:grant", text, "TENANT")
    grant.add_argument("name", metavar="NAME", help="of the grant")
    grant.add_argument("amount", metavar="AMOUNT", help="of each project's credit")
    grant.add_argument("--project", action="append", metavar="P", help="whose account it is on; may be repeated")
    every = "each project that the tenant has now gets a grant NAME-PROJECT of this amount"
    grant.add_argument("--all-projects", action="store_true", help=every)
    grant.add_argument("--currency", default="USD", metavar="C", help="of the price book (USD)")
    grant.add_argument("--priority", type=number(0, 1000), default=0, metavar="N", help="a lower one pays first (0)")
    grant.add_argument("--expires", type=moment, metavar="TIME", help="such as 2027-01-01, in UTC (never)")

    _limit(tenant)
    usage = tenant.command(
        "usage", "tenancy:state_usage", "state what a job used, where its backend never does", "TENANT"
    )
    usage.add_argument("job", metavar="JOB", help="its whole id")
    usage.add_argument("measures", nargs="+", metavar="METRIC=N", help="qpu-time (microseconds), shots, qubits")
    usage.add_argument("--by", metavar="NAME", help="who states it, as the fact names it (your account)")

    project = tenant.group("project", "what is paid from one account")
    _budget(project.command("add", "tenancy:add_project", "a new project", "TENANT", "PROJECT"))


def _limit(tenant: Group) -> None:
    limit = tenant.command("limit", "budgets:limit", "limits of a tenant, and backends of a project", "TENANT")
    limit.add_argument("project", nargs="?", metavar="PROJECT")
    limit.add_argument("--share", type=number(1), metavar="N", help="of the tenant: weight in fair share")
    limit.add_argument("--max-shots", type=number(1), metavar="N", help="of the tenant: shots of one job")
    limit.add_argument("--max-active-jobs", type=number(1), metavar="N", help="of the tenant: jobs that have not ended")
    limit.add_argument("--backends", metavar="A,B", help="of the project: where it may run; `all` for everywhere")
    limit.add_argument("--default-kind", metavar="KIND", help="of the project: simulator, emulated or qpu")
    limit.add_argument(
        "--fallback", metavar="A,B", help="of the project: where jobs run while what they ask for is out; or `none`"
    )
    limit.add_argument(
        "--fallback-after-s", type=number(0, 604_800), metavar="S", help="of the project: how long it must be out (300)"
    )
    limit.add_argument(
        "--reruns", choices=("yes", "no"), help="of the project: whether the platform may run old jobs again (no)"
    )
    limit.add_argument(
        "--objective", metavar="O", help="of the project: what its jobs prefer: cost, time, fidelity or balanced (cost)"
    )
    limit.add_argument(
        "--min-fidelity", metavar="0.9", help="of the project: the least of jobs that name none; `none` for no limit"
    )
    limit.add_argument(
        "--deadline-s", type=none_or(number(1)), metavar="S", help="of the project: of jobs that name none; or `none`"
    )
    limit.add_argument("--vendors", metavar="A,B", help="of the tenant, for its data; or of a project; or `all`")
    hold = "of the tenant: no content of it is erased, because of this; or `none`"
    limit.add_argument("--legal-hold", metavar="TEXT", help=hold)
    outside = "of the tenant: whether its circuits and results are never inside events, so that all can be erased (no)"
    limit.add_argument("--erasable", choices=("yes", "no"), help=outside)
    limit.add_argument("--regions", metavar="A,B", help="of the tenant, for its data; or of a project; or `all`")
    limit.add_argument(
        "--weight", type=number(1), metavar="N", help="of the project: its weight in fair share inside the tenant (1)"
    )
    limit.add_argument("--owner", metavar="NAME", help="of the project: who answers for its work; or `none`")
    limit.add_argument("--purpose", metavar="TEXT", help="of the project: what its work is for; or `none`")
    limit.add_argument("--impact", choices=("low", "moderate", "high", "none"), help="of the project, as in FIPS 199")
    limit.add_argument("--risk-class", metavar="NAME", help="of the project, by a scheme of your own; or `none`")
    limit.add_argument(
        "--shared-device",
        choices=("never", "tenant", "anyone"),
        help="of the project: whose circuits may be on a device together with its own (never)",
    )


def _role(text: str) -> str:
    """A role under its present name."""
    return FORMER_ROLES.get(text, text)


def _people(tenant: Group) -> None:
    user = tenant.group("user", "persons and programs")
    new = user.command("add", "tenancy:add_user", "a new user with a credential", "TENANT", "USER")
    new.add_argument("--role", type=_role, choices=ROLES, default="submitter")
    _output(new)
    role = user.command("role", "tenancy:set_role", "give a user another role", "TENANT", "USER")
    role.add_argument("role", type=_role, choices=ROLES, metavar="ROLE", help=", ".join(ROLES))
    user.command("remove", "tenancy:remove_user", "a user goes, with every token", "TENANT", "USER")

    token = tenant.group("token", "what users log in with")
    _output(token.command("new", "tenancy:new_token", "add a token; older ones stay valid", "TENANT", "USER"))
    revoke = token.command("revoke", "tenancy:revoke_token", "revoke a token", "TENANT", "USER")
    revoke.add_argument("key", metavar="KEY", help="a prefix of its public key, as in `qb tenant show`")


def _namespaces(tenant: Group) -> None:
    text = "let pods of Kubernetes log in as the tenants that their namespaces name: docs/kubernetes.md"
    given = tenant.command("namespaces", "namespaces:apply", text)
    given.add_argument(
        "file", metavar="FILE", help="what `kubectl get namespaces -o json` prints; - reads it from a pipe"
    )
    given.add_argument("--issuer", required=True, metavar="URL", help="the issuer of the cluster's tokens")
    keys = given.add_mutually_exclusive_group(required=True)
    keys.add_argument("--jwks", metavar="FILE", help="its public keys: what `kubectl get --raw /openid/v1/jwks` prints")
    keys.add_argument("--jwks-url", metavar="URL", help="or where the broker finds them")
    given.add_argument("--cluster", default="kubernetes", metavar="NAME", help="begins names of entries (kubernetes)")


def _finance(finance: Group) -> None:
    add = finance.command("add", "finance:add", "a login with a secret, which is shown once", "NAME")
    add.add_argument("--tenants", type=names, required=True, metavar="A,B", help="whose rows it reads")
    finance.command("list", "finance:list_logins", "every finance login, and what it reads")
    finance.command("remove", "finance:remove", "its next request is refused", "NAME")


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


def operating_commands(words: Group) -> None:
    """What operators run on a stack."""
    sql = words.command("sql", "sql:sql", "query the warehouse, read-only")
    sql.add_argument("query", metavar="QUERY", help="of ClickHouse; `SHOW TABLES` lists tables and views")
    sql.add_argument("--tenant", metavar="T", help="query as a user of this tenant, who sees only the tenant's rows")
    sql.add_argument("--user", metavar="U", help="which of the tenant's users, if the home has several")
    doctor = words.command("doctor", "doctor:doctor", "check everything; list, replay or drop dead letters")
    either = doctor.add_mutually_exclusive_group()
    either.add_argument("--replay", metavar="ID|all", help="send a dead letter to its service again")
    either.add_argument("--drop", metavar="ID|all", help="delete a dead letter")
    doctor.add_argument("--sbom", metavar="FILE", help="write what is installed, as CycloneDX; checks no stack")
    text = "name packages with known vulnerabilities: a file, folder or ZIP in the format of OSV; checks no stack"
    doctor.add_argument("--advisories", metavar="FILE", help=text)
    text = "also look into the environment of this interpreter; may be repeated"
    doctor.add_argument("--python", action="append", default=[], metavar="FILE", help=text)
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
    given = containers.command(
        "secrets", "containers:secrets", "print the Secrets of the Helm chart; keep them private"
    )
    given.add_argument("--release", default="queuebit", metavar="NAME", help="the name of the Helm release (queuebit)")


def _budget(parser: ArgumentParser) -> None:
    parser.add_argument("--budget", default="0", metavar="N", help="all that the project may ever spend (0)")
    parser.add_argument("--currency", default="USD", metavar="USD", help="of the budget (USD)")


def _output(parser: ArgumentParser) -> None:
    parser.add_argument("--output", metavar="FILE", help="write the credential there instead of into the home")
