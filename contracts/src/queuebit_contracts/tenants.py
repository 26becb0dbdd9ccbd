"""The tenants document: which tenants, projects and users there are to be, as a file or a request declares them.

The broker makes it true by facts (`queuebit_contracts.tenant`).

A token is an NKey seed. Only its public half, a one-way image, is ever at rest here; it logs its owner in to NATS and
checks the signature under each submission.
"""

from __future__ import annotations

import json
import re
import tomllib
from base64 import b32decode
from binascii import crc_hqx
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from queuebit_contracts.admission import JobObjective
from queuebit_contracts.circuits import CIRCUIT_KEY, MOST_CIRCUITS, CircuitEntry
from queuebit_contracts.issuers import Issuer
from queuebit_contracts.limits import MOST_NAMES
from queuebit_contracts.roles import FORMER_ROLES, Role
from queuebit_contracts.sharing import NEVER, SharedDevice
from queuebit_contracts.topology import COMPILED, DECISIONS, PLATFORM
from queuebit_contracts.wire import NAME, DecimalText, Moment, Name
from queuebit_kernel import Fault

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = [
    "FALLBACK_AFTER_S",
    "LIFETIME",
    "LONGEST_QUOTA_S",
    "WARN_AT",
    "BadTenants",
    "Budget",
    "BudgetName",
    "Grant",
    "Issuer",
    "Kind",
    "Project",
    "Quota",
    "QuotaName",
    "Role",
    "Tenant",
    "Tenants",
    "User",
    "WorkloadClass",
    "check_tenants",
    "damaged_keys",
    "parse_tenants",
    "seconds_of",
    "tenants_toml",
    "vendor_name",
]

Kind = Literal["simulator", "emulated", "qpu"]
"""The kinds of backend that a project may prefer. Backends may be of further kinds, which jobs have to name."""


_Key = Annotated[str, Field(pattern="^U[A-Z2-7]{55}$")]


_RESERVED = frozenset({COMPILED, DECISIONS, PLATFORM, "platform", "system", "operator", "provisioner"})


class BadTenants(Fault):
    """The tenants file cannot be used; the text lists everything that is wrong with it."""

    code = "bad_tenants"

    def __init__(self, text: str, faults: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.faults = tuple(faults) or (text,)
        """The same, one by one."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _not_negative(amount: str) -> str:
    if amount.startswith("-"):
        raise ValueError("a budget cannot be negative")
    return amount


_Limit = Annotated[DecimalText, AfterValidator(_not_negative)]

BudgetName = Annotated[str, Field(pattern=rf"^(tenant|(project|user|tag|class|vendor):{NAME[1:-1]})$")]
"""The jobs that count against a budget: all of the tenant; those of a project, a user or a workload class; those with
a tag; or those that run at a vendor, by `vendor_name`."""

LIFETIME: Final = "lifetime"
"""The window of a budget that counts every charge since it was defined."""

WARN_AT: Final = ("0.5", "0.8", "1")
"""The shares of a budget that are announced unless it names others."""


FALLBACK_AFTER_S: Final = 300
"""How long backends must be out of service before jobs fall back, unless the project says otherwise, in seconds."""


_WINDOW: Final = r"^(lifetime|month|([1-9]|[1-9][0-9]|[12][0-9]{2}|3[0-5][0-9]|36[0-6])d)$"


def _share(text: str) -> str:
    if not 0 < Decimal(text) <= 1:
        raise ValueError('a share is above 0 and at most 1, such as "0.8"')
    return text


def _probability(text: str) -> str:
    if not 0 < Decimal(text) <= 1:
        raise ValueError('a fidelity is above 0 and at most 1, such as "0.9"')
    return text


class Budget(_Entry):
    """A limit on the total cost of jobs, in addition to their accounts; it counts all holds while it exists."""

    amount: _Limit = "0"
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
    window: str = Field(default=LIFETIME, pattern=_WINDOW)
    """Which charges count: all since it was defined, those of this calendar month, or those of the last days, today
    included, such as `30d`. Days and months are of UTC."""
    soft: bool = False
    """Whether it warns only, and refuses no job."""
    warn_at: tuple[Annotated[DecimalText, AfterValidator(_share)], ...] = Field(default=WARN_AT, max_length=8)
    """Shares of the amount that are announced when they are charged."""


QuotaName = Annotated[str, Field(pattern=rf"^(tenant|(project|user|class):{NAME[1:-1]})$")]
"""What counts against a quota: all of the tenant, or what is of a project, of a user, or of each user in a class."""

LONGEST_QUOTA_S: Final = 31 * 86_400
"""The longest window of a quota, in seconds."""


_QUOTA_WINDOW: Final = r"^(([1-9]|[1-9][0-9]|[1-6][0-9]{2}|7[0-3][0-9]|74[0-4])h|([1-9]|[12][0-9]|3[01])d)$"


class Quota(_Entry):
    """How much jobs may use together. Shots and time count from the hold of a job on, until the window has passed."""

    active_jobs: int | None = Field(default=None, ge=1, le=1_000_000_000)
    """Jobs accepted and not yet ended."""
    shots: int | None = Field(default=None, ge=1, le=10**15)
    """Shots of the jobs that were accepted in the window."""
    qpu_seconds: int | None = Field(default=None, ge=1, le=10**9)
    """The most time that the jobs of the window may take on devices; the time of simulators is none."""
    reservations: int | None = Field(default=None, ge=0, le=1_000)
    """Reservations that are not over. Of the tenant: without it, 20."""
    reserved_seconds: int | None = Field(default=None, ge=0, le=90 * 86_400 * 100)
    """The time of these reservations, on all backends together. Of the tenant: without it, 7 days on each backend."""
    window: str = Field(default="1d", pattern=_QUOTA_WINDOW)
    """Hours or days, such as `24h` or `7d`; at most 31 days."""

    @model_validator(mode="after")
    def _limits_something(self) -> Quota:
        limits = self.active_jobs, self.shots, self.qpu_seconds, self.reservations, self.reserved_seconds
        if all(it is None for it in limits):
            names = "active_jobs, shots, qpu_seconds, reservations or reserved_seconds"
            raise ValueError(f"a quota limits nothing: give it {names}, or remove it")
        return self


def seconds_of(window: str) -> int:
    """The length of the window of a quota."""
    return int(window[:-1]) * {"h": 3_600, "d": 86_400}[window[-1]]


class WorkloadClass(_Entry):
    """What jobs of a class have that say nothing else."""

    objective: JobObjective
    """What a job of the class that names no objective prefers of the backends that it may run on."""


class Grant(_Entry):
    """Prepaid credit of a project, in addition to its budget; it pays first. Once it is granted, it does not change."""

    project: Name
    """Whose account it is on."""
    amount: _Limit
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
    priority: int = Field(default=0, ge=0, le=1000)
    """A lower one pays first; of equal ones, the first to expire, then the oldest."""
    expires: Moment | None = None
    """Nothing is held on it from then on."""


class Project(_Entry):
    """Work that is paid from one account, which has the project's name."""

    budget: _Limit = "0"
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
    backends: tuple[Name, ...] = ()
    """Backends it may use; empty means all."""
    default_kind: Kind = "simulator"
    """A job that names no backend runs on the cheapest backend of this kind that fits it."""
    fallback: tuple[Name, ...] = Field(default=(), max_length=8)
    """Backends that run its jobs while all backends that a job asks for are out of service: the first that can run it
    comes first. Empty: jobs wait."""
    fallback_after_s: int = Field(default=FALLBACK_AFTER_S, ge=0, le=604_800)
    """How long these must be out of service before."""
    reruns: bool = False
    """Whether the platform may run old jobs of the project again, at its own cost and as jobs of its own tenant, to see
    whether results stay. Its operators can then read these circuits and results as those of their own jobs."""
    objective: JobObjective = "cost"
    """What a job that names no objective prefers of the backends that it may run on."""
    min_fidelity: Annotated[DecimalText, AfterValidator(_probability)] | None = None
    """The least estimated success probability of a job that names none, such as `"0.9"`."""
    deadline_s: int | None = Field(default=None, ge=1, le=31_622_400)
    """How long after its submission the result of a job must be there that names no deadline."""
    vendors: tuple[Name, ...] = Field(default=(), max_length=MOST_NAMES)
    """Vendors at which its jobs may run, as in budgets: `amazon-braket`; empty means all. A job may name fewer."""
    regions: tuple[Name, ...] = Field(default=(), max_length=MOST_NAMES)
    """Regions in which its jobs may run; empty means all. A job may name fewer."""
    weight: int = Field(default=1, ge=1, le=1_000_000)
    """Weight in fair share among the projects of the tenant."""
    owner: Name | None = None
    """Who answers for its work, for the workload inventory."""
    purpose: str | None = Field(default=None, min_length=1, max_length=200)
    """What its work is for."""
    impact: Literal["low", "moderate", "high"] | None = None
    """How much harm follows if its work or its data are lost, wrong or seen by others, as in FIPS 199."""
    risk_class: Name | None = None
    """The class of risk by a scheme of the operator's own."""
    shared_device: SharedDevice = NEVER
    """Whether small circuits of the project may be on a device at the same time as others, each on qubits of its own
    and for its share of the time: `tenant` with circuits of projects of the same tenant that allow it, `anyone` with
    those of other tenants that say `anyone`, too."""

    @model_validator(mode="after")
    def _fallback_is_allowed(self) -> Project:
        if len({*self.fallback}) < len(self.fallback):
            raise ValueError("fallback names a backend twice: name each once, the preferred one first")
        if self.backends and (others := sorted({*self.fallback} - {*self.backends})):
            raise ValueError(f"fallback names {', '.join(others)}, which backends does not: add it to both, or to none")
        return self


def _current_role(role: object) -> object:
    """A role under its present name; an unknown one is left to be refused."""
    return FORMER_ROLES.get(role, role) if isinstance(role, str) else role


class User(_Entry):
    """A person or a program."""

    role: Annotated[Role, BeforeValidator(_current_role)] = "submitter"
    """What it may do; `member` is a former name of submitter."""
    keys: tuple[_Key, ...] = ()
    """Public halves of the user's tokens; several while one is being replaced."""


_CircuitKey = Annotated[str, Field(pattern=CIRCUIT_KEY)]
"""A version of a named circuit, as `NAME@NUMBER`."""


class Tenant(_Entry):
    """A team with walls around it."""

    share: int = Field(default=1, ge=1, le=1_000_000)
    """Weight in fair share."""
    max_shots: int = Field(default=100_000, ge=1, le=100_000_000)
    max_active_jobs: int = Field(default=10_000, ge=1, le=1_000_000_000)
    """Jobs accepted and not yet ended."""
    regions: tuple[Name, ...] = Field(default=(), max_length=MOST_NAMES)
    """Where its data may be: no job runs in another region, on a fallback neither. Empty means everywhere."""
    vendors: tuple[Name, ...] = Field(default=(), max_length=MOST_NAMES)
    """The vendors that may have its data, as in budgets; on a fallback too. Empty means all."""
    legal_hold: str = Field(default="", max_length=200)
    """Why no content of it may be erased, such as the name of a case; empty: it may."""
    erasable: bool = False
    """Whether its circuits, files and results are never inside events, however small, so that all can be erased."""
    project: dict[Name, Project] = Field(default_factory=dict)
    user: dict[Name, User] = Field(default_factory=dict)
    budget: dict[BudgetName, Budget] = Field(default_factory=dict)
    """By what counts against it, such as `"user:ada"`."""
    quota: dict[QuotaName, Quota] = Field(default_factory=dict)
    """By what counts against it, in the same way."""
    workload_class: dict[Name, WorkloadClass] = Field(default_factory=dict, max_length=16)
    """By the class that jobs name, such as `batch`; what a class says goes before what the project says."""
    grant: dict[Name, Grant] = Field(default_factory=dict, max_length=64)
    """Prepaid credit, by a name of your own."""
    issuer: dict[Name, Issuer] = Field(default_factory=dict, max_length=64)
    """Issuers whose tokens are exchanged for delegated keys, by a name for people."""
    circuit: dict[_CircuitKey, CircuitEntry] = Field(default_factory=dict, max_length=MOST_CIRCUITS)
    """Versions of named circuits, such as `"portfolio-qaoa@7"`."""


class Tenants(_Entry):
    """The whole file."""

    removed: tuple[Name, ...] = ()
    """Names of former tenants. Their jobs, bills and receipts stay, so no other tenant may have them."""
    tenant: dict[Name, Tenant] = Field(default_factory=dict)

    def refusal(self, name: str) -> str | None:
        """Return why no tenant may have this name; None if it is free."""
        if name in _RESERVED:
            return f"no tenant may be called {name}: the name is the platform's own; choose another"
        if name in self.removed:
            return (
                f"no tenant may be called {name}: a tenant of that name was removed, and its jobs, bills and receipts "
                "stay under it; choose another"
            )
        return None

    @model_validator(mode="after")
    def _names_are_free(self) -> Tenants:
        for name in self.tenant:
            if refusal := self.refusal(name):
                raise ValueError(refusal)
        return self

    @model_validator(mode="after")
    def _classes_reserve_nothing(self) -> Tenants:
        for tenant, entry in self.tenant.items():
            for name, it in entry.quota.items():
                if name.startswith("class:") and (it.reservations, it.reserved_seconds) != (None, None):
                    why = "a reservation has no class: limit those of the tenant, of a project or of a user"
                    raise ValueError(f"quota {name} of {tenant} limits reservations, and {why}")
        return self

    @model_validator(mode="after")
    def _grants_have_accounts(self) -> Tenants:
        for tenant, entry in self.tenant.items():
            for name, it in entry.grant.items():
                project = entry.project.get(it.project)
                if project is None or project.currency != it.currency:
                    where = "no such project" if project is None else f"its account in {project.currency}"
                    what = f"grant {name} of {tenant} is {it.currency} for {it.project}"
                    raise ValueError(f"{what}, and there is {where}")
        return self

    @model_validator(mode="after")
    def _one_owner_a_key(self) -> Tenants:
        owners: dict[str, str] = {}
        for tenant, entry in self.tenant.items():
            for user, person in entry.user.items():
                for key in person.keys:
                    owner = f"{tenant}/{user}"
                    if owners.setdefault(key, owner) != owner:
                        raise ValueError(f"key {key[:8]}… belongs to both {owners[key]} and {owner}")
        return self


def vendor_name(vendor: str) -> str:
    """The name of a vendor in budgets: `Amazon Braket` becomes `amazon-braket`."""
    return re.sub("[^a-z0-9]+", "-", vendor.lower()).strip("-")


def damaged_keys(tenants: Tenants) -> Iterator[tuple[str, str, int]]:
    """Tenant, user and position of each key whose CRC-16 is wrong.

    nats-server refuses a configuration with such a key. Facts may have one, so a document with one can be read; it may
    not come into force.
    """
    for tenant, entry in tenants.tenant.items():
        for user, person in entry.user.items():
            for at, key in enumerate(person.keys):
                *body, low, high = b32decode(key)
                if crc_hqx(bytes(body), 0) != low + (high << 8):
                    yield tenant, user, at


def parse_tenants(text: str) -> Tenants:
    """Read a tenants file.

    Raises:
        BadTenants: it is empty, is not TOML, or breaks the rules; all faults at once.
    """
    if not text.strip():  # what an editor or a full disk cut off; a file without tenants has at least a comment
        raise BadTenants("the tenants file is empty")
    try:
        document = tomllib.loads(text)
    except RecursionError as error:
        raise BadTenants("the tenants file is not TOML that can be read: it nests too deeply") from error
    except ValueError as error:  # also a number of thousands of digits
        raise BadTenants(f"the tenants file is not TOML: {error}") from error
    return check_tenants(document)


def check_tenants(document: Mapping[str, object]) -> Tenants:
    """Read what a tenants file holds.

    Raises:
        BadTenants: it breaks the rules; all faults at once.
    """
    try:
        return Tenants.model_validate(document)
    except ValidationError as error:
        faults = [_sentence(it) for it in error.errors()]
        raise BadTenants(f"the tenants file breaks its rules: {'; '.join(faults)}", faults) from error


_SUBTABLES = ("budget", "circuit", "grant", "issuer", "project", "quota", "user", "workload_class")


def tenants_toml(tenants: Tenants) -> str:
    """A document as a tenants file: every value written out, read by `parse_tenants` to the same document."""
    document = tenants.model_dump(mode="json")
    blocks = [_block("", {"removed": document["removed"]})] if document["removed"] else []
    for name, tenant in document["tenant"].items():
        tables = {word: tenant.pop(word) for word in _SUBTABLES}
        blocks.append(_block(f"[tenant.{name}]\n", tenant))
        for word, entries in tables.items():
            blocks += [_block(f"[tenant.{name}.{word}.{_key(it)}]\n", fields) for it, fields in entries.items()]
    return "\n".join(blocks) or "# no tenant\n"


def _key(name: str) -> str:
    return json.dumps(name) if {":", "@"} & {*name} else name


def _block(title: str, fields: Mapping[str, object]) -> str:
    return title + "".join(f"{key} = {_value(value)}\n" for key, value in fields.items() if value is not None)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {json.dumps(it)}" for key, it in value.items()) + " }"
    return json.dumps(value)


_SPELLING = {
    "amount": 'is not an amount: write it like "250" or "12.50"',
    "budget": 'is not an amount: write it like "250" or "12.50"',
    "currency": 'is not a currency: write three capital letters, such as "USD"',
    "expires": 'is not a moment: write it like "2027-01-01T00:00:00Z"',
    "window": 'is not a window: write "lifetime", "month", or days such as "30d", at most "366d"',
    "warn_at": 'is not a share: write it like "0.8"',
    "min_fidelity": 'is not a fidelity: write it like "0.9"',
    "keys": "is not the public half of a token: `qb tenant token new` makes one",
}
_ADVICE = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "string_type": "must be a text in quotes",
    "tuple_type": "must be a list",
}
_PLAIN_NAME = (
    "is not a plain name: use 1 to 64 lower-case letters, digits, '-' or '_', from a letter or digit to another"
)


def _sentence(fault: ErrorDetails) -> str:
    """What is wrong, where, and what to write instead."""
    path = [str(part) for part in fault["loc"] if part != "[key]"]
    return f"{'.'.join(path) or 'the file'} {_advice(fault, path)}"


def _advice(fault: ErrorDetails, path: list[str]) -> str:
    match fault["type"]:
        case "string_pattern_mismatch" if path[-2:-1] == ["budget"]:
            kinds = '"project:NAME", "user:NAME", "tag:NAME", "class:NAME" or "vendor:NAME"'
            return f'is not the name of a budget: use "tenant", {kinds}'
        case "string_pattern_mismatch" if path[-2:-1] == ["quota"]:
            return 'is not the name of a quota: use "tenant", "project:NAME", "user:NAME" or "class:NAME"'
        case "string_pattern_mismatch" if "quota" in path and path[-1] == "window":
            return 'is not a window: write hours or days such as "24h" or "7d", at most "31d"'
        case "string_pattern_mismatch":
            return next((_SPELLING[part] for part in reversed(path) if part in _SPELLING), _PLAIN_NAME)
        case "extra_forbidden":
            known = list(_table_of(path).model_fields)
            near = get_close_matches(path[-1], known, 1)
            return f"is not a key here: {f'did you mean {near[0]}?' if near else 'there is ' + ', '.join(known)}"
        case "value_error":
            return f"is wrong: {fault['msg'].removeprefix('Value error, ')}"
        case kind:
            return _ADVICE.get(kind) or fault["msg"].replace("Input should be", "must be")


def _table_of(path: list[str]) -> type[BaseModel]:
    """The table in which the key at the end of a path stands."""
    match path:
        case [_]:
            return Tenants
        case [_, _, _]:
            return Tenant
        case [_, _, "user", *_]:
            return User
        case [_, _, "budget", *_]:
            return Budget
        case [_, _, "quota", *_]:
            return Quota
        case [_, _, "grant", *_]:
            return Grant
        case [_, _, "issuer", *_]:
            return Issuer
        case [_, _, "circuit", *_]:
            return CircuitEntry
        case _:
            return Project
