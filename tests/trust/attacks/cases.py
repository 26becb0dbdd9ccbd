"""The attacks: what is tried at which door, what must come back, and by which code the audit trail has it.

Names in braces are filled in by the world: `{job}` and `{digest}` are a finished job of acme and its circuit, and all
that is tried here comes from the tenant evil. What the bus refuses by permissions is in `tests.contracts.walls`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tests.contracts.walls import FORBIDDEN_TO_FOLLOW, FORBIDDEN_TO_PUBLISH

__all__ = ["ATTACKS", "Attack", "Door"]

Door = Literal["gateway", "sign-in", "bus publish", "bus subscribe", "bus login", "bus send", "bus request"]


@dataclass(frozen=True)
class Attack:
    """One try."""

    name: str
    door: Door
    tried: str
    """The request, the subject, or the way to log in."""
    answer: str
    """What must come back: status and code of the gateway, or the words of the bus."""
    unseen: str = ""
    """Why the audit trail has no refusal of it; empty if it has."""
    token: str = "read"
    """Which bearer token a request has, `` for none: `read`, `submit` and `admin` are valid ones of evil."""
    headers: tuple[tuple[str, str], ...] = ()
    body: str | bytes = b""
    who: str = "evil/eve"
    """The user on the bus."""
    times: int = 1
    """More than one: it is tried so often from an address of its own, and the last answer counts."""

    @property
    def code(self) -> str:
        """The code in the audit trail."""
        return self.answer.partition(" ")[2] if self.door in ("gateway", "sign-in") else self.answer


_NO_JOB, _EMPTY = "404 unknown_job", "it is answered, with objects of the own tenant alone"
_TEXT = (("content-type", "application/json"),)
_GZIP = (*_TEXT, ("content-encoding", "gzip"))
_PARSER = "the parser of HTTP ends the connection before there is a request"


def _get(name: str, path: str, answer: str, **more: str) -> Attack:
    return Attack(name, "gateway", f"GET {path}", answer, **more)  # type: ignore[arg-type]  # texts by name


def _post(name: str, path: str, answer: str, body: str | bytes = b"{}", token: str = "submit") -> Attack:
    return Attack(name, "gateway", f"POST {path}", answer, token=token, headers=_TEXT, body=body)


_OBJECTS: Final = tuple(
    _get(f"another tenant's {what}", path, answer, token="admin")
    for what, path, answer in (
        ("job", "/v1/jobs/{job}", _NO_JOB),
        ("result", "/v1/jobs/{job}/result", _NO_JOB),
        ("receipt", "/v1/jobs/{job}/receipt", _NO_JOB),
        ("circuit", "/v1/jobs/{job}/circuit", _NO_JOB),
        ("bill", "/v1/jobs/{job}/charge", _NO_JOB),
        ("history", "/v1/jobs/{job}/history", _NO_JOB),
        ("stream of a job", "/v1/jobs/{job}/events", _NO_JOB),
        ("placement", "/v1/jobs/{job}/explain", _NO_JOB),
        ("payload", "/v1/payloads/{digest}?size={size}", "404 not_found"),
        ("invoice", "/v1/invoices/acme-2026-11", "404 unknown_invoice"),
        ("hybrid job", "/v1/hybrid-jobs/{job}", _NO_JOB),
        ("result by way of QRMI", "/qrmi/jobs/{job}/results", _NO_JOB),
        ("session", "/v1/sessions/{job}", "404 unknown_session"),
        ("reservation", "/v1/reservations/{job}", "404 unknown_reservation"),
        ("webhook", "/v1/webhooks/{job}", "404 unknown_webhook"),
    )
)
_PATHS: Final = (
    _get("two points in a path", "/v1/jobs/../../etc/passwd", "404 no_such_address"),
    _get("two points, encoded", "/v1/jobs/%2e%2e%2f{job}", "404 no_such_address"),
    _get("a subject as an id", "/v1/jobs/j.acme.{job}", _NO_JOB),
    _get("a wildcard as an id", "/v1/jobs/*", _NO_JOB),
    _get("the other wildcard as an id", "/v1/jobs/%3E", _NO_JOB),
    _get("a zero byte in an id", "/v1/jobs/{job}%00", _NO_JOB),
    _get("a line break in an id", "/v1/jobs/{job}%0d%0aX-Evil:1", _NO_JOB),
    _get("a look-alike letter in an id", "/v1/jobs/%D1%98{job}", _NO_JOB),
    _get("an id of 3,000 characters", "/v1/jobs/" + "j" * 3000, _NO_JOB),
    _get("an address that is hidden", "/v1/admin/tenants", "404 no_such_address"),
)
_FILTERS: Final = (
    _get("SQL in a label", "/v1/jobs?label=x'%20OR%20'1'='1", _EMPTY, unseen="it is a text, and no error"),
    _get("SQL in a name", "/v1/jobs?backend=aer'%20OR%201=1--", "422 bad_name"),
    _get("SQL in a group", "/v1/activity?by=user)%20UNION%20SELECT%20*", "422 bad_group"),
    _get("another tenant as a filter", "/v1/jobs?tenant=acme", "422 unknown_parameter"),
    _get("a page of a million rows", "/v1/jobs?limit=1000000", "422 bad_limit"),
)
_TOKENS: Final = (
    _get("no token", "/v1/jobs", "401 unauthenticated", token=""),
    _get("a token that is none", "/v1/jobs", "401 bad_token", token="garbage"),
    _get("a token with another key", "/v1/jobs", "401 unknown_delegation", token="forged"),
    _get("a token that names another tenant", "/v1/jobs", "401 unknown_delegation", token="renamed"),
    _get("a token that names a look-alike of a tenant", "/v1/jobs", "401 bad_token", token="look-alike"),
    Attack("61 wrong tokens from one address", "gateway", "GET /v1/jobs", "429 too_many_failed_logins", token="forged",
           times=61),
    _get("a revoked token", "/v1/jobs", "401 delegation_revoked", token="revoked"),
    _get("an expired token", "/v1/jobs", "401 delegation_expired", token="expired"),
    _get("two tokens", "/v1/jobs", "401 bad_token", token="both"),
    _post("a token of the scope read submits", "/v1/jobs", "403 forbidden", token="read"),
    _post("a token of the scope read cancels", "/v1/jobs/{job}/cancel", "403 forbidden", token="read"),
    _post("a token of the scope submit makes a webhook", "/v1/webhooks", "403 forbidden"),
    _post("another tenant's job is cancelled", "/v1/jobs/{job}/cancel", _NO_JOB),
    _post("another tenant's key is revoked", "/v1/delegations/d1:revoke", "404 unknown_delegation", token="admin"),
    _get("the audit with a token of the scope submit", "/v1/audit", "403 forbidden", token="submit"),
    _get("dead letters with a token of the scope read", "/v1/dead-letters", "403 forbidden"),
    _post("a session of another project than that of the delegated key", "/v1/sessions", "403 scope_forbids",
          '{"project": "other", "cap": {"amount": "1", "currency": "USD"}}', token="bound"),
    _get("a signature of an hour ago, sent again", "/v1/jobs", "401 unauthenticated", token="signed-old"),
    _get("a signature of another address", "/v1/jobs", "401 unauthenticated", token="signed-other"),
    _get("a signature by an unknown key", "/v1/jobs", "401 unauthenticated", token="signed-unknown"),
    _get("a signature without what it covers", "/v1/jobs", "401 unauthenticated", token="signed-nothing"),
    Attack("an API key of QRMI that is none", "gateway", "POST /qrmi/identity/token", "401 bad_token", token="",
           headers=(("content-type", "application/x-www-form-urlencoded"),),
           body="grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey=x"),
)  # fmt: skip
_SIGN_IN: Final = tuple(
    Attack(name, "sign-in", tried, f"400 {code}")
    for name, tried, code in (
        ("a proof without a signature", "alg none", "bad_signature"),
        ("a proof signed with the public key as a secret", "alg HS256", "bad_signature"),
        ("a proof by another issuer's key", "forged", "bad_signature"),
        ("a proof with an unknown key id", "kid", "bad_signature"),
        ("an expired proof", "expired", "proof_expired"),
        ("a proof for another audience", "audience", "wrong_audience"),
        ("a proof of another repository", "claims", "claims_do_not_match"),
        ("a proof sent twice", "replayed", "proof_used"),
        ("a proof for another tenant", "tenant", "unknown_issuer"),
        ("a proof that is none", "garbage", "malformed"),
    )
)
_HTTP: Final = (
    Attack("another Host", "gateway", "GET /v1/jobs", "421 unknown_host", headers=(("host", "evil.example"),)),
    Attack("two Hosts", "gateway", "GET /v1/jobs", "421 unknown_host",
           headers=(("host", "localhost"), ("host", "evil.example"))),
    Attack("length and chunks at once", "gateway", "POST /v1/jobs", "400", unseen=_PARSER,
           headers=(("transfer-encoding", "chunked"), ("content-length", "4")), body="0\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
    Attack("a head of 20 KiB", "gateway", "GET /v1/jobs", "431 head_too_large", unseen=_PARSER,
           headers=(("x-large", "x" * 20_480),)),
    Attack("another tenant by a header", "gateway", "GET /v1/jobs", _EMPTY, unseen="such headers say nothing here",
           headers=(("x-tenant", "acme"), ("queuebit-tenant", "acme"), ("x-forwarded-user", "me"))),
    Attack("another method by a header", "gateway", "GET /v1/jobs", _EMPTY, unseen="such headers say nothing here",
           headers=(("x-http-method-override", "DELETE"),)),
    Attack("another address by a header", "gateway", "GET /v1/jobs", _EMPTY, unseen="such headers say nothing here",
           headers=(("x-original-url", "/v1/audit"), ("x-rewrite-url", "/v1/audit"))),
    Attack("TRACE", "gateway", "TRACE /v1/jobs", "405 method_not_allowed"),
    Attack("a method of WebDAV", "gateway", "PROPFIND /v1/jobs", "405 method_not_allowed"),
    Attack("a body of 3 MiB", "gateway", "POST /v1/jobs", "413 body_too_large", token="submit", headers=_TEXT,
           body=b"x" * (3 << 20)),
    Attack("a bomb of gzip, which is not unpacked", "gateway", "POST /v1/jobs", "400 bad_json", token="submit",
           headers=_GZIP, body="{bomb}"),
    _post("JSON of 100 levels", "/v1/jobs", "422 too_deep", "[" * 100 + "]" * 100),
    _post("JSON with a name twice", "/v1/jobs", "400 bad_json", '{"shots": 1, "shots": 2}'),
    _post("JSON that is no UTF-8", "/v1/jobs", "400 bad_json", b'{"circuit": "\xff"}'),
    _post("an unknown field", "/v1/jobs", "422 invalid_body", '{"circuit": "x", "tenant": "acme"}'),
    _post("a project of another tenant", "/v1/jobs", "422 invalid_input",
          '{"circuit": "{bell}", "project": "../acme"}'),
)  # fmt: skip
_SSRF: Final = tuple(
    _post(f"a webhook to {what}", "/v1/webhooks", "422 bad_url", f'{{"url": "{url}"}}', token="admin")
    for what, url in (
        ("plain http", "http://evil.example/"),
        ("a file", "file:///etc/passwd"),
        ("an address with a password", "https://a:b@evil.example/"),
        ("this machine", "https://127.0.0.1:8222/"),
        ("this machine by its name", "https://localhost:8222/"),
        ("this machine by its name with a point", "https://localhost.:8222/"),
        ("a name below localhost", "https://evil.localhost:8222/"),
        ("this machine as one number", "https://2130706433:8222/"),
        ("this machine in octal", "https://0177.0.0.1:8222/"),
        ("this machine in hexadecimal", "https://0x7f000001:8222/"),
        ("this machine with two parts", "https://127.1:8222/"),
        ("no machine", "https://0.0.0.0:8222/"),
        ("this machine in IPv6", "https://[::1]:8222/"),
        ("this machine in IPv6, written as IPv4", "https://[::ffff:127.0.0.1]/"),
        ("this machine by NAT64", "https://[64:ff9b::7f00:1]/"),
        ("a private network", "https://10.0.0.1/"),
        ("a private network in IPv6", "https://[fd00::1]/"),
        ("the link of this machine", "https://[fe80::1]/"),
        ("the metadata of a cloud", "https://169.254.169.254/latest/"),
        ("the metadata of a cloud as one number", "https://2852039166/latest/"),
    )
)
_BUS: Final = (
    *(
        Attack(f"to publish {subject} as {who}", "bus publish", subject, "not_permitted", who=who)
        for who, subject in FORBIDDEN_TO_PUBLISH
        if "/" in who
    ),
    *(
        Attack(name, "bus publish", subject, "not_permitted")
        for name, subject in (
            ("a stream is made", "$JS.API.STREAM.CREATE.EVIL"),
            ("streams are listed", "$JS.API.STREAM.NAMES"),
            ("a message is deleted", "$JS.API.STREAM.MSG.DELETE.LOG"),
            ("consumers are listed", "$JS.API.CONSUMER.LIST.LOG"),
            ("another's consumer is read", "$JS.API.CONSUMER.MSG.NEXT.LOG.broker-submitted"),
            ("another's message is acknowledged", "$JS.ACK.LOG.broker-submitted.1.1.1.1.1"),
            ("an object store is written", "$O.EVIL.C.x"),
            ("a bucket is made", "$JS.API.STREAM.CREATE.KV_EVIL"),
            ("the server is asked", "$SYS.REQ.SERVER.PING"),
            ("a read is forged in the audit trail", "qb.access.acme.gateway-1.read.1"),
            ("a login is forged", "qb.bus.connected.acme"),
            ("an inbox of another is written", "_INBOX.t.acme.me.x"),
        )
    ),
    *(
        Attack(f"to follow {subject} as {who}", "bus subscribe", subject, "not_permitted", who=who)
        for who, subject in FORBIDDEN_TO_FOLLOW
        if "/" in who
    ),
    *(
        Attack(name, "bus subscribe", subject, "not_permitted")
        for name, subject in (
            ("events of the server", "$SYS.>"),
            ("advisories of JetStream", "$JS.EVENT.>"),
            ("reads of all tenants", "$JS.API.DIRECT.GET.>"),
            ("logins of all tenants", "qb.bus.>"),
        )
    ),
    Attack("a submission that is none", "bus send", "qb.job.evil.{own}.submitted", "malformed", body="{}"),
    Attack(
        "a submission with guards and an id for the stream",
        "bus send",
        "qb.job.evil.{own}.submitted",
        "stored",
        unseen="the intake leaves these headers out",
        body="{submission}",
        headers=(
            ("Nats-Msg-Id", "x"),
            ("Nats-Expected-Last-Msg-Id", "x"),
            ("Nats-Expected-Last-Sequence", "1"),
            ("Nats-Rollup", "all"),
        ),
    ),
    Attack(
        "a submission again, with a guard that would allow it",
        "bus send",
        "qb.job.evil.{own}.submitted",
        "not stored",
        unseen="a client that had no answer does the same",
        body="{submission}",
        headers=(("Nats-Msg-Id", "y"), ("Nats-Expected-Last-Subject-Sequence", "{sequence}")),
    ),
    Attack(
        "a request for a delegated key that is none", "bus request", "qb.identity.evil.delegate", "malformed", body="{}"
    ),
    Attack(
        "the receipt of another tenant's job",
        "bus request",
        "qb.query.evil.receipt",
        "not_sealed",
        unseen="a question about a job that is not there gets the same",
        body='{"job": "{job}"}',
    ),
    Attack("a login without a key", "bus login", "nothing", "authentication_failed", who=""),
    Attack("a login with an unknown key", "bus login", "key", "authentication_failed", who=""),
    Attack("a login with a password", "bus login", "password", "authentication_failed", who=""),
    Attack("a login with a token", "bus login", "token", "authentication_failed", who=""),
    Attack("a login that names a service", "bus login", "forged name", "authentication_failed", who=""),
)

ATTACKS: Final[tuple[Attack, ...]] = (*_OBJECTS, *_PATHS, *_FILTERS, *_TOKENS, *_SIGN_IN, *_HTTP, *_SSRF, *_BUS)
