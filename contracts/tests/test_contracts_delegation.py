"""Delegated keys: issuers and their claims, the fold of the facts, what a key may do, and the form of a token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from queuebit_contracts import subjects
from queuebit_contracts.delegation import (
    AccessToken,
    Delegation,
    DelegationGranted,
    DelegationRevoked,
    Revocation,
    delegation_id,
)
from queuebit_contracts.delegations import KEPT, Authority, Delegations, authority_of
from queuebit_contracts.directory import Directory, changes
from queuebit_contracts.issuers import Issuer, match_claims
from queuebit_contracts.tenants import BadTenants, Tenants, parse_tenants, tenants_toml
from queuebit_contracts.wire import Reason
from queuebit_kernel import Malformed, digest
from queuebit_runtime.keys import new_seed, public_key

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
KEY, TOKEN, OTHER = (public_key(new_seed()) for _ in range(3))
GITHUB = f"""
[tenant.acme]
[tenant.acme.user.ci]
role = "submitter"
[tenant.acme.user.ann]
role = "admin"
keys = ["{KEY}"]
[tenant.acme.project.chem]
budget = "10"
[tenant.acme.issuer.github]
url = "https://token.actions.githubusercontent.com"
audience = "queuebit:acme"
jwks_url = "https://token.actions.githubusercontent.com/.well-known/jwks"
claims = {{ repository = "acme/{{project}}", ref = "refs/heads/main" }}
user = "ci"
"""


def issuer(**fields: object) -> Issuer:
    base = {"url": "https://login.example.org", "audience": "queuebit:acme", "user": "ci"}
    return Issuer.model_validate(
        {**base, "jwks_url": "https://login.example.org/jwks", "claims": {"sub": "x"}, **fields}
    )


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        ("acme/chem", "acme/chem", True),
        ("acme/chem", "acme/chem2", False),
        ("acme/chem", "evil-acme/chem", False),
        ("acme/*", "acme/chem", True),
        ("acme*", "acme-evil/chem", False),
        ("acme/*", "acme/a/b", False),
        ("acme/**", "acme/a/b", True),
        ("repo:acme/chem:*", "repo:acme/chem:pull_request", True),
        ("repo:acme/chem:*", "repo:acme/chem:ref:refs/heads/main", False),
        ("acme.chem", "acmeXchem", False),
        ("acme/chem", "acme/chem\n", False),
        ("true", True, True),
        ("12", 12, True),
        ("12", 12.0, False),
        ("team-a", ["team-b", "team-a"], True),
        ("team-a", ["team-b", None, {}], False),
        ("**", None, False),
        ("**", {"a": 1}, False),
    ],
)
def test_a_pattern_matches_a_whole_claim(pattern: str, value: object, matches: bool) -> None:
    found = match_claims(issuer(claims={"it": pattern}), {"it": value})
    assert (found == {"user": "ci", "project": ""}) if matches else (found == ["it"])


def test_a_missing_claim_does_not_match_and_each_that_does_not_is_named() -> None:
    trusted = issuer(claims={"a": "**", "b": "x", "c": "y"})
    assert match_claims(trusted, {"b": "x", "c": "z"}) == ["a", "c"]


def test_patterns_give_user_and_project() -> None:
    trusted = issuer(claims={"project_path": "acme/{project}", "user_login": "{user}"}, user="")
    claims = {"project_path": "acme/chem", "user_login": "ada"}
    assert match_claims(trusted, claims) == {"user": "ada", "project": "chem"}
    assert match_claims(trusted, {**claims, "user_login": "Ada Lovelace"}) == ["user_login"]
    assert match_claims(trusted, {**claims, "project_path": "acme/chem/sub"}) == ["project_path"]


_SECRET = '{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB"}]}'
_SHARED = '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": "http://login.example.org"}, "https://"),
        ({"url": "https://ann:secret@login.example.org"}, "not an address"),
        ({"jwks_url": "http://10.0.0.1/jwks"}, "https://"),
        ({"jwks_url": "file:///etc/passwd"}, "not an address"),
        ({"jwks_url": ""}, "`jwks` or as `jwks_url`"),
        ({"jwks": '{"keys": [{"kty": "RSA"}]}'}, "`jwks` or as `jwks_url`"),
        ({"jwks_url": "", "jwks": _SECRET}, "secret key"),
        ({"jwks_url": "", "jwks": _SHARED}, "RSA, EC and OKP"),
        ({"jwks_url": "", "jwks": "[" * 20_000}, "JSON Web Key Set"),
        ({"claims": {}}, "at least 1"),
        ({"claims": {"sub": "{tenant}"}}, "not known in a pattern"),
        ({"claims": {"sub": "a{user"}}, "not known in a pattern"),
        ({"claims": {"sub": "{user}"}}, "give the user once"),
        ({"user": ""}, "give the user once"),
        ({"user": "Ada L"}, "not a plain name"),
        ({"scope": "root"}, "'finance', 'read', 'submit'"),
        ({"max_lifetime_s": 43_201}, "43200"),
    ],
)
def test_an_issuer_that_would_trust_too_much_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        issuer(**fields)


def test_an_issuer_of_this_machine_may_do_without_tls() -> None:
    assert issuer(url="http://127.0.0.1:8080", jwks_url="http://localhost:8080/jwks").url


def test_the_document_keeps_issuers_and_names_what_is_wrong() -> None:
    tenants = parse_tenants(GITHUB)
    assert parse_tenants(tenants_toml(tenants)) == tenants
    with pytest.raises(
        BadTenants, match=r"tenant.acme.issuer.github.audiance is not a key here: did you mean audience"
    ):
        parse_tenants(GITHUB.replace("audience", "audiance"))


def test_facts_bring_an_issuer_and_take_it_away() -> None:
    directory, desired = Directory(), parse_tenants(GITHUB)
    for event in changes(directory, desired, "ada"):
        directory.take(event)
    assert directory.document() == desired
    assert not changes(directory, desired, "ada")
    without = desired.model_copy(update={"tenant": {"acme": desired.tenant["acme"].model_copy(update={"issuer": {}})}})
    first, *others = changes(directory, without, "ada")
    assert subjects.subject_of(first) == "qb.tenant.acme.issuer_removed.github"
    assert not others


DELEGATION = Delegation(
    tenant="acme",
    delegation="d1",
    key=KEY,
    user="ci",
    scope="submit",
    project="chem",
    issuer="github",
    subject="repo:acme/chem:ref:refs/heads/main",
    proof=digest(b"a JWT"),
    granted_at=NOON,
    expires_at=NOON + timedelta(hours=1),
)


def granted(**fields: object) -> DelegationGranted:
    return DelegationGranted(source="qb/broker", time=NOON, data=DELEGATION.model_copy(update=fields))


def test_a_key_acts_for_its_user_until_it_expires() -> None:
    delegations, directory = Delegations(), Directory(parse_tenants(GITHUB))
    delegations.take(granted())
    grant = delegations.find("acme", "d1")
    last = NOON + timedelta(hours=1) - timedelta(microseconds=1)
    assert authority_of(grant, directory, KEY, last) == Authority("ci", "submitter", "d1", "chem")
    assert _code(authority_of(grant, directory, KEY, NOON + timedelta(hours=1))) == "delegation_expired"
    assert _code(authority_of(grant, directory, OTHER, NOON)) == "unknown_delegation"
    assert _code(authority_of(delegations.find("evil", "d1"), directory, KEY, NOON)) == "unknown_delegation"


@pytest.mark.parametrize(
    ("scope", "user", "role"),
    [
        ("read", "ann", "viewer"),
        ("submit", "ann", "submitter"),
        ("admin", "ann", "admin"),
        ("admin", "ci", "submitter"),
        ("of a later version", "ann", "viewer"),
    ],
)
def test_scope_and_role_limit_each_other(scope: str, user: str, role: str) -> None:
    delegations = Delegations()
    delegations.take(granted(scope=scope, user=user))
    found = authority_of(delegations.find("acme", "d1"), Directory(parse_tenants(GITHUB)), KEY, NOON)
    assert isinstance(found, Authority)
    assert found.role == role


@pytest.mark.parametrize("what", ["user", "issuer", "token", "tenant", "itself"])
def test_a_key_ends_for_good_with_what_it_rests_on(what: str) -> None:
    document = parse_tenants(GITHUB)
    directory, delegations = Directory(document), Delegations()
    ann = {"user": "ann", "issuer": None, "token": KEY, "project": None}
    delegations.take(granted(**(ann if what == "token" else {})))
    acme = document.tenant["acme"]
    less = {
        "user": {"acme": acme.model_copy(update={"user": {"ann": acme.user["ann"]}})},
        "issuer": {"acme": acme.model_copy(update={"issuer": {}})},
        "token": {
            "acme": acme.model_copy(
                update={"user": {**acme.user, "ann": acme.user["ann"].model_copy(update={"keys": ()})}}
            )
        },
        "tenant": {},
        "itself": {"acme": acme},
    }[what]
    facts = changes(directory, Tenants.model_construct(removed=(), tenant=less), "ada")
    for event in facts:
        directory.take(event)
        delegations.take(event)
    if what == "itself":
        delegations.take(
            DelegationRevoked(source="qb/broker", data=Revocation(tenant="acme", delegation="d1", by="ann"))
        )
    if what != "tenant":
        for event in changes(directory, document, "ada"):  # all is as before, and the key stays ended
            directory.take(event)
            delegations.take(event)
    assert _code(authority_of(delegations.find("acme", "d1"), directory, KEY, NOON)) == "delegation_revoked"


def test_keys_that_expired_a_day_ago_are_forgotten() -> None:
    delegations = Delegations()
    delegations.take(granted())
    later = NOON + timedelta(hours=1) + KEPT
    delegations.take(granted(delegation="d2", granted_at=later, expires_at=later + timedelta(hours=1)))
    assert [it.delegation.delegation for it in delegations.all()] == ["d2"]
    assert delegations.find("acme", "d1") is None


def test_a_second_grant_of_one_id_changes_nothing() -> None:
    delegations = Delegations()
    delegations.take(granted())
    delegations.take(granted(key=OTHER, scope="admin"))
    assert [it.delegation for it in delegations.all()] == [DELEGATION]


def test_one_proof_gives_one_id_in_each_tenant() -> None:
    first = delegation_id("acme", "https://a.example", "jti")
    assert first == delegation_id("acme", "https://a.example", "jti")
    others = [
        ("evil", "https://a.example", "jti"),
        ("acme", "https://b.example", "jti"),
        ("acme", "https://a.example", ""),
    ]
    assert len({first, *(delegation_id(*it) for it in others)}) == 4
    assert subjects.delegation("acme", first).event("granted") == f"qb.delegation.acme.{first}.granted"


SEED = "SU" + "A" * 56


@pytest.mark.parametrize("tenant", ["a", "ab", "abc", "acme", "team1", "t" * 64])
def test_a_token_is_read_back_and_never_shown(tenant: str) -> None:
    token = AccessToken(tenant, "d1", SEED)
    assert token.text().startswith("qbt_")
    assert AccessToken.read(token.text()) == token
    assert SEED not in repr(token)


@pytest.mark.parametrize("cut", ["", "qbt_", "qbt_!!!!", "qbt_YQ", "qbt_YS5iLmM", "Bearer x", "qbt_" + "A" * 4000])
def test_what_is_no_token_is_refused_without_being_quoted(cut: str) -> None:
    with pytest.raises(Malformed, match="not an access token") as caught:
        AccessToken.read(cut)
    assert len(cut) < 5 or cut not in str(caught.value)


def _code(found: Authority | Reason) -> str:
    assert isinstance(found, Reason)
    return found.code


@pytest.mark.parametrize(
    ("name", "claims", "matches"),
    [
        ("a/b", {"a": {"b": "x"}}, True),
        ("a/b/c", {"a": {"b": {"c": "x"}}}, True),
        ("a/b", {"a/b": "x", "a": {"b": "y"}}, True),
        ("a/b", {"a/b": "y", "a": {"b": "x"}}, False),
        ("a/b", {"a": "x"}, False),
        ("a/b", {"a": {}}, False),
        ("a", {"a": {"": "x"}}, False),
        ("a/", {"a": "x"}, False),
    ],
)
def test_a_claim_inside_of_others_is_named_by_its_path(name: str, claims: dict[str, object], matches: bool) -> None:
    assert isinstance(match_claims(issuer(claims={name: "x"}), claims), dict) is matches
