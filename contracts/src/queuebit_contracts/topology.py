"""Streams, buckets and durables, and the permissions that follow from them.

`topology.toml` next to this module states what cannot be derived. The catalogue of events states which service appends
what. Permissions are never written by hand: they are derived from what a service appends, follows, asks and answers.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from queuebit_contracts.roles import ROLES, VERBS, VERBS_OF, Role, role_named
from queuebit_contracts.subjects import covers, dead, queries, replay, trace
from queuebit_contracts.wildcards import appended_by, named

__all__ = [
    "ALERTING",
    "COMPILED",
    "DECISIONS",
    "LOG",
    "LOGIN_REQUEST",
    "PLATFORM",
    "SCHEDULING",
    "VIEWS",
    "WEBHOOKS",
    "Bucket",
    "Durable",
    "Party",
    "Permissions",
    "Republish",
    "Stream",
    "Topology",
    "inbox_of",
    "inbox_of_key",
    "read_topology",
    "topology",
    "view_consumers",
]

LOG = "LOG"
"""Name of the stream that holds the facts."""

PLATFORM = "queuebit"
"""Where in the payload store the platform's own content lies, such as calibrations, which every user may read."""

COMPILED = "queuebit-compiled"
"""Where in the payload store the operations of compiled circuits lie. They say much of a circuit: no user may read
them."""

DECISIONS = "queuebit-decisions"
"""Where in the payload store the inputs of scheduling decisions lie. They name jobs of all tenants: no user may read
them."""

ALERTING = "ALERTING"
"""Name of the bucket that says which process of the alerting service leads."""

SCHEDULING = "SCHEDULING"
"""Name of the bucket that says which process of the scheduler leads."""

WEBHOOKS = "WEBHOOKS"
"""Name of the bucket that holds the tenants' webhook endpoints."""

LOGIN_REQUEST = "$SYS.REQ.USER.AUTH"
"""Where nats-server asks about a login that its configuration does not know; users may not publish there."""

_PAYLOADS = "PAYLOADS"

VIEWS = 8
"""The most processes of one service that follow the log, including those that were killed in the last half minute."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Republish(_Entry):
    """Messages that the server publishes once more, after it stored them; no user may publish there."""

    source: str
    destination: str


class Stream(_Entry):
    """One JetStream stream, kept in files."""

    description: str
    subjects: tuple[str, ...]
    max_bytes: int = Field(gt=0)
    max_msg_size: int = Field(gt=0)
    duplicate_window_s: int = 120
    max_age_s: int = 0
    atomic: bool = False
    discard: Literal["new", "old"] = "new"
    republish: Republish | None = None


class Bucket(_Entry):
    """One key-value bucket."""

    description: str
    max_bytes: int
    max_value_size: int


class Durable(_Entry):
    """One consumer of one service: a pull consumer with explicit acknowledgement."""

    service: str
    filters: tuple[str, ...]
    stream: str = LOG
    ack_wait_s: int = 6
    """A handler that works longer sends three beats in this time."""
    max_ack_pending: int = Field(gt=0)


class Party(_Entry):
    """The subjects that one user of the bus uses. Its permissions are derived from this."""

    description: str = ""
    appends: tuple[str, ...] = ()
    """Subjects that it writes. Those of the catalogue's types are added where the file is read."""
    submits: bool = False
    """Whether a tenant's user may write what the catalogue lets a client append."""
    follows: tuple[str, ...] = ()
    """Subjects it watches live and whose last events it reads one by one."""
    live: tuple[str, ...] = ()
    """Subjects it watches live, of which the log stores nothing."""
    counts: tuple[str, ...] = ()
    """Requests of others of which it gets copies, to count them. It may then answer no request at all."""
    view: tuple[str, ...] = ()
    """Subjects it folds from the beginning of `LOG`."""
    asks: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    payloads: Literal["none", "read", "write"] = "none"
    payloads_read: tuple[str, ...] = ()
    """Whose payloads it reads, where it needs no others."""
    payloads_write: tuple[str, ...] = ()
    """Whose payloads it reads and writes, where it needs no others."""
    reads: tuple[str, ...] = ()
    """Streams beside `LOG` whose messages it reads one by one."""
    keeps: tuple[str, ...] = ()
    """Buckets that it alone reads and writes."""


class Permissions(_Entry):
    """Allow-lists of one NATS user; everything else is refused."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    responds: bool = True
    """Whether it may answer the requests that it receives."""


class Topology(_Entry):
    """The whole file."""

    stream: dict[str, Stream]
    bucket: dict[str, Bucket]
    durable: dict[str, Durable]
    service: dict[str, Party]
    operator: Party
    verb: dict[str, Party]
    """What a verb of a role needs on the bus; one that is not here needs nothing there."""

    @property
    def role(self) -> dict[Role, Party]:
        """What each role needs in its tenant."""
        return {role: self._joined(role, platform=False) for role in ROLES}

    def _joined(self, role: Role, *, platform: bool) -> Party:
        """What the verbs of a role need together: those in its tenant, or those on the platform."""
        names = {name for name, it in VERBS.items() if it.platform is platform}
        parts = [self.verb[it] for it in self.verb if it in names and it in VERBS_OF[role]]
        lists = {name: tuple(_unique(getattr(it, name) for it in parts)) for name in _LISTS}
        payloads = next((it for it in ("write", "read") if it in {part.payloads for part in parts}), "none")
        return Party.model_validate({**lists, "payloads": payloads, "submits": any(it.submits for it in parts)})

    def durables_of(self, service: str) -> dict[str, Durable]:
        """The durable consumers of one service."""
        return {name: durable for name, durable in self.durable.items() if durable.service == service}

    def service_permissions(self, name: str) -> Permissions:
        """Return the subjects that the service `name` may publish and subscribe to."""
        party = self.service[name]
        publish = [*party.appends, *party.asks, trace(name)]
        publish += ["$JS.API.DIRECT.GET.LOG", "$JS.API.STREAM.MSG.GET.LOG", "$JS.API.STREAM.INFO.*"]
        subscribe = [*party.answers, *party.follows, *party.live, *party.counts, f"{inbox_of(name)}.>"]
        for consumer, durable in self.durables_of(name).items():
            publish += [
                f"$JS.API.CONSUMER.INFO.{durable.stream}.{consumer}",
                f"$JS.API.CONSUMER.MSG.NEXT.{durable.stream}.{consumer}",
                f"$JS.ACK.{durable.stream}.{consumer}.>",
                dead(consumer),
            ]
            subscribe.append(replay(consumer))
        if party.view:
            publish += [*_view_calls(name), dead(f"{name}-view")]
        publish += _payload_calls(party, "*")
        for owner in party.payloads_read:
            publish += _payload_calls(Party(payloads="read"), owner)
        for owner in party.payloads_write:
            publish += _payload_calls(Party(payloads="write"), owner)
        if party.payloads != "none" or party.payloads_read or party.payloads_write:
            publish.append(f"$JS.API.STREAM.MSG.GET.KV_{_PAYLOADS}")
        publish += [f"$JS.API.DIRECT.GET.{stream}" for stream in party.reads]
        for bucket in party.keeps:
            publish += [f"$KV.{bucket}.>", f"$JS.API.DIRECT.GET.KV_{bucket}", f"$JS.API.STREAM.MSG.GET.KV_{bucket}"]
        return Permissions(publish=tuple(publish), subscribe=tuple(subscribe), responds=not party.counts)

    def operator_permissions(self) -> Permissions:
        """Return the permissions of the operator's credential: read everything, and replay and delete dead letters."""
        party = self.operator
        publish = [
            *party.asks,
            *_view_calls("operator"),
            *_payload_calls(party, "*"),
            "$JS.API.INFO",
            "$JS.API.STREAM.INFO.*",
            "$JS.API.CONSUMER.INFO.*.*",
            f"$JS.API.CONSUMER.LIST.{LOG}",
            "$JS.API.DIRECT.GET.*",
            "$JS.API.DIRECT.GET.LOG.>",
            "$JS.API.STREAM.MSG.GET.*",
            "$JS.API.STREAM.MSG.GET.LOG",
            f"$JS.API.STREAM.MSG.GET.KV_{_PAYLOADS}",
            "$JS.API.STREAM.MSG.DELETE.DEAD",
        ]
        return Permissions(publish=tuple(publish), subscribe=(*party.view, f"{inbox_of('operator')}.>"))

    def provisioner_permissions(self) -> Permissions:
        """Return only the permissions to create streams, buckets and durables."""
        names = [*self.stream, *(f"KV_{bucket}" for bucket in self.bucket)]
        publish = ["$JS.API.INFO"]
        publish += [f"$JS.API.STREAM.{verb}.{name}" for verb in ("CREATE", "UPDATE", "INFO") for name in names]
        for consumer, durable in self.durable.items():
            publish += [
                f"$JS.API.CONSUMER.CREATE.{durable.stream}.{consumer}",
                f"$JS.API.CONSUMER.CREATE.{durable.stream}.{consumer}.>",
                f"$JS.API.CONSUMER.INFO.{durable.stream}.{consumer}",
            ]
        return Permissions(publish=tuple(publish), subscribe=(f"{inbox_of('provisioner')}.>",))

    def client_permissions(self, role: str, tenant: str, user: str) -> Permissions:
        """Return the permissions of a tenant's user: only subjects of the tenant."""
        return self._in_tenant(role, tenant, inbox_of(user, tenant))

    def key_permissions(self, role: str, tenant: str, key: str) -> Permissions:
        """Return the permissions of a connection with a delegated key: of its user, and with an inbox of its own."""
        return self._in_tenant(role, tenant, inbox_of_key(tenant, key))

    def staff_permissions(self, role: str, tenant: str, key: str) -> Permissions:
        """Return what a role permits on the platform, for the operator's own people: over all tenants.

        A view is read by consumers: a subscription to all subjects would also get requests, in which there are proofs.
        """
        party = self._joined(role_named(role), platform=True)
        publish = [*party.asks, *(f"$JS.API.DIRECT.GET.{LOG}.{it}" for it in party.follows)]
        if party.reads:
            publish += [f"$JS.API.{call}.{it}" for it in party.reads for call in ("DIRECT.GET", "STREAM.MSG.GET")]
            publish += ["$JS.API.STREAM.INFO.*", "$JS.API.CONSUMER.INFO.*.*", f"$JS.API.CONSUMER.LIST.{LOG}"]
        if party.view:
            publish += [*_view_calls("staff"), "$JS.API.STREAM.INFO.*", f"$JS.API.DIRECT.GET.{LOG}"]
        subscribe = (*party.follows, f"{inbox_of_key(tenant, key)}.>")
        return Permissions(publish=tuple(dict.fromkeys(publish)), subscribe=subscribe)

    def tenant_walls(self, tenant: str) -> Permissions:
        """Return all that the users of a tenant may use together, whatever their roles: what its account imports."""
        every = [self._in_tenant(role, tenant, inbox_of("", tenant)) for role in ROLES]
        questions = queries(tenant)
        publish = (questions if covers(questions, it) else it for one in every for it in one.publish)
        subscribe = (it for one in every for it in one.subscribe if not it.startswith("_INBOX."))
        return Permissions(publish=tuple(dict.fromkeys(publish)), subscribe=tuple(dict.fromkeys(subscribe)))

    def _in_tenant(self, role: str, tenant: str, inbox: str) -> Permissions:
        party = self._joined(role_named(role), platform=False)
        own = [subject.replace("{tenant}", tenant) for subject in party.follows]
        live = [subject.replace("{tenant}", tenant) for subject in party.live]
        publish = [subject.replace("{tenant}", tenant) for subject in (*party.appends, *party.asks)]
        publish += [f"$JS.API.DIRECT.GET.LOG.{subject}" for subject in own]
        publish += _payload_calls(party, tenant)
        publish += _payload_calls(Party(payloads="read"), PLATFORM)
        return Permissions(publish=tuple(publish), subscribe=(*own, *live, f"{inbox}.>"))


_LISTS: Final = ("appends", "follows", "live", "view", "asks", "reads")
"""What a verb may say of subjects and streams."""


def inbox_of(name: str, tenant: str | None = None) -> str:
    """The inbox prefix that belongs to one user alone."""
    return f"_INBOX.{name}" if tenant is None else f"_INBOX.t.{tenant}.{name}"


def inbox_of_key(tenant: str, key: str) -> str:
    """The inbox prefix of connections with a delegated key, by the id of its delegation."""
    return f"_INBOX.k.{tenant}.{key}"


def _unique(several: Iterable[Iterable[str]]) -> Iterable[str]:
    return dict.fromkeys(it for one in several for it in one)


def view_consumers(name: str) -> Sequence[str]:
    """The names under which processes of one service follow the log, each under another."""
    return [f"{name}-view-{number}" for number in range(1, VIEWS + 1)]


def _view_calls(name: str) -> Iterable[str]:
    for stream in (LOG,) if name != "operator" else (LOG, "DEAD"):
        for consumer in view_consumers(name):
            for verb in ("CREATE", "DELETE", "MSG.NEXT"):
                yield f"$JS.API.CONSUMER.{verb}.{stream}.{consumer}"


def _payload_calls(party: Party, tenant: str) -> Iterable[str]:
    if party.payloads in ("read", "write"):
        yield f"$JS.API.DIRECT.GET.KV_{_PAYLOADS}.$KV.{_PAYLOADS}.{tenant}.>"
    if party.payloads == "write":
        yield f"$KV.{_PAYLOADS}.{tenant}.*.*"


@cache
def topology() -> Topology:
    """The topology of this version.

    Raises:
        ValueError: the file names an event that the catalogue does not have, or holds an unknown key.
    """
    return read_topology(files(__package__).joinpath("topology.toml").read_text())


def read_topology(text: str) -> Topology:
    """Read a topology file, and add what follows from the catalogue.

    In filters and views `job.placed` stands for the subjects of that event, and `job.ended` for those of every terminal
    one. A service appends the types that name it; executors share the name `executor`.

    Raises:
        ValueError: as `topology`.
    """
    document = tomllib.loads(text)
    verbs = document.get("verb", {})
    parties = [*document.get("service", {}).values(), *verbs.values(), document.get("operator", {})]
    for entry in (*document.get("durable", {}).values(), *parties):
        for key in {"filters", "view", "follows"} & entry.keys():
            entry[key] = [subject for it in entry[key] for subject in named(it)]
    for name, party in document.get("service", {}).items():
        party["appends"] = [*appended_by(name.split("-")[0]), *party.get("appends", ())]
    for party in verbs.values():
        if party.get("submits"):
            party["appends"] = [*appended_by("client", tenant="{tenant}"), *party.get("appends", ())]
    if "read" in verbs:
        verbs["read"]["asks"] = [*verbs["read"].get("asks", ()), *_further_questions(document)]
    return Topology.model_validate(document)


def _further_questions(document: dict[str, Any]) -> Iterable[str]:  # as the file has it
    """What services answer to a tenant and no verb names."""
    named_by_verbs = {it for verb in document["verb"].values() for it in verb.get("asks", ())}
    answers = (it for party in document.get("service", {}).values() for it in party.get("answers", ()))
    asked = (it.replace(".*.", ".{tenant}.") for it in answers if covers(queries(), it))
    return [it for it in dict.fromkeys(asked) if it not in named_by_verbs]
