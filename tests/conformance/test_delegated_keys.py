"""The client's proof, the broker's decision and the gateway's bearer agree; and pages show what really works."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from queuebit.client import AsyncClient
from queuebit.credentials import Credential
from queuebit.delegating import delegate, delegations, revoke
from queuebit.errors import InvalidInput, Refused
from queuebit.transport import OnGap, OnMessage, Reply, Unsubscribe
from queuebit_broker.answers import Answers
from queuebit_broker.delegating import DelegateKeys
from queuebit_broker.requests import signature_holds
from queuebit_broker.state import World
from queuebit_cli.main import main
from queuebit_contracts import subjects
from queuebit_contracts.delegation import DelegateRequest, DelegationGranted, RevokeRequest
from queuebit_contracts.directory import Directory, changes
from queuebit_contracts.issuers import Issuer, match_claims
from queuebit_contracts.query import Question
from queuebit_contracts.tenants import parse_tenants
from queuebit_gateway.problems import Problem
from queuebit_gateway.tokens import Tokens
from queuebit_kernel import SystemClock, canonical
from queuebit_runtime.keys import new_seed, public_key
from queuebit_stack.tenant_history import in_words
from queuebit_testing.issuer import GITHUB, GITHUB_URL, GITLAB, GITLAB_URL
from queuebit_testing.memory import MemoryLog

ROOT = Path(__file__).parents[2]
SEEDS = {user: new_seed() for user in ("ann", "bob", "vic")}
TENANTS = "[tenant.acme.project.chem]\n" + "".join(
    f'[tenant.acme.user.{user}]\nrole = "{role}"\nkeys = ["{public_key(SEEDS[user])}"]\n'
    for user, role in (("ann", "admin"), ("bob", "submitter"), ("vic", "viewer"))
)


class NoKeySets:
    async def keys(self, url: str, key_id: str | None) -> Sequence[Mapping[str, Any]]:
        raise AssertionError("users' proofs need no issuer")


class Platform:
    """A broker on a log in memory, behind the client's transport; and a gateway that reads the same log."""

    def __init__(self) -> None:
        self.log, self.world, self.clock = MemoryLog(), World(), SystemClock()
        self.world.directory = Directory(parse_tenants(TENANTS))
        self._keys = DelegateKeys(log=self.log, follower=self, world=self.world, key_sets=NoKeySets(), clock=self.clock)
        self.tokens = Tokens(self.world.directory, self.world.delegations, self.clock)

    async def reached(self, sequence: int) -> None:
        for it in self.log.stored[self.world.sequence : sequence]:
            self.world.take(it.event, it.sequence)
            self.world.sequence = it.sequence

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        it = subjects.parse(subject)
        match it.event:
            case "delegate":
                answer = await self._keys.delegate(it.tenant, DelegateRequest.model_validate_json(body))
                return Reply(answer.model_dump_json(exclude_none=True).encode())
            case "revoke":
                answer = await self._keys.revoke(it.tenant, RevokeRequest.model_validate_json(body))
                return Reply(answer.model_dump_json(exclude_none=True).encode())
            case _:
                unused: Any = None
                answers = Answers(self.world, unused, unused, self.clock, 1)
                listed = await answers.delegations(it.tenant, Question.model_validate_json(body))
                return Reply(listed.model_dump_json().encode())

    async def follow(self, subjects: Sequence[str], on_message: OnMessage, on_gap: OnGap) -> Unsubscribe:
        raise AssertionError("nothing is followed here")

    async def close(self) -> None: ...

    def client(self, user: str) -> AsyncClient:
        return AsyncClient(Credential("nats://127.0.0.1:1", "acme", user, SEEDS[user]), transport=self)


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.mark.parametrize(
    ("user", "asked", "role"),
    [
        ("ann", {}, "submitter"),
        ("ann", {"scope": "admin"}, "admin"),
        ("ann", {"widest": "admin"}, "admin"),
        ("bob", {"widest": "admin"}, "submitter"),
        ("bob", {"scope": "read", "project": "chem", "lifetime_s": 60}, "viewer"),
        ("vic", {}, "viewer"),
    ],
)
async def test_what_the_client_gets_is_what_the_gateway_grants(
    platform: Platform, user: str, asked: dict[str, Any], role: str
) -> None:
    made = await delegate(platform.client(user), **asked)
    caller = platform.tokens(made.token)
    assert (caller.tenant, caller.user, caller.role) == ("acme", user, role)
    assert made.delegation.token == public_key(SEEDS[user])
    assert caller.signer is not None
    proof = caller.signer({"a": 1})
    assert signature_holds(canonical({"a": 1}), proof)
    assert proof.delegation == made.delegation.delegation
    assert made.token not in repr(made)


async def test_a_member_cannot_give_what_it_has_not(platform: Platform) -> None:
    with pytest.raises(Refused, match="bob has the role submitter"):
        await delegate(platform.client("bob"), scope="admin")
    with pytest.raises(Refused, match="no project nowhere"):
        await delegate(platform.client("bob"), project="nowhere")
    assert not platform.log.events(DelegationGranted)


async def test_a_revoked_token_opens_nothing(platform: Platform) -> None:
    made = await delegate(platform.client("bob"))
    (row,) = await delegations(platform.client("vic"))
    assert (row["delegation"], row["ended"]) == (made.delegation.delegation, None)
    with pytest.raises(InvalidInput, match="not a plain name"):
        await revoke(platform.client("bob"), f"{made.delegation.delegation[:4]}…")
    with pytest.raises(Refused, match="users end their own keys"):
        await revoke(platform.client("vic"), made.delegation.delegation)
    await revoke(platform.client("bob"), made.delegation.delegation)
    with pytest.raises(Problem) as refused:
        platform.tokens(made.token)
    assert refused.value.code == "delegation_revoked"
    (row,) = await delegations(platform.client("vic"))
    assert row["ended"] == "bob revoked it"


async def test_the_key_of_a_revoked_token_of_the_user_ends_with_it(platform: Platform) -> None:
    made = await delegate(platform.client("bob"))
    without = parse_tenants(TENANTS.replace(f'"{public_key(SEEDS["bob"])}"', ""))
    for event in changes(platform.world.directory, without, "ada"):
        platform.world.take(event, 9)
    with pytest.raises(Problem) as refused:
        platform.tokens(made.token)
    assert "the token of bob" in str(refused.value.detail)


@pytest.mark.parametrize(
    "arguments",
    [
        ["token", "revoke"],
        ["token", "--for", "13h"],
        ["token", "--for", "soon"],
        ["token", "--scope", "root"],
        ["console", "--url", "http://queuebit.example.com"],
    ],
)
def test_commands_refuse_what_cannot_be(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUEUEBIT_HOME", str(tmp_path))
    try:
        code = main(arguments)
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    assert code == 2
    assert "internal error" not in capsys.readouterr().err


PAGE = (ROOT / "docs" / "identity.md").read_text()
EXAMPLES = [parse_tenants(it).tenant["acme"].issuer for it in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)]


@pytest.mark.parametrize(("url", "claims"), [(GITHUB_URL, GITHUB), (GITLAB_URL, GITLAB)])
def test_the_entries_on_the_page_fit_the_claims_of_the_vendors(url: str, claims: Mapping[str, object]) -> None:
    (entry,) = (it for entries in EXAMPLES for it in entries.values() if it.url == url)
    assert isinstance(entry, Issuer)
    assert match_claims(entry, claims) == {"user": "ci", "project": "chem"}


def test_every_reason_of_the_broker_is_on_the_page() -> None:
    sources = ("services/broker/src/queuebit_broker/grants.py", "contracts/src/queuebit_contracts/delegations.py")
    codes = {it for path in sources for it in re.findall(r'_no\(\s*"(\w+)"', (ROOT / path).read_text())}
    rare = {"unknown_tenant", "unknown_scope", "malformed", "proof_too_long", "wrong_key"}
    assert {it for it in codes if f"`{it}`" not in PAGE} == rare, "name it on the page"


def test_the_history_of_a_tenant_says_what_an_issuer_must_say() -> None:
    assert (
        in_words({"claims": [None, {"ref": "main"}], "scope": ["read", "submit"]})
        == "claims ref main, scope read → submit"
    )
