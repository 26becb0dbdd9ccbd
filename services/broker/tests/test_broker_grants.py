"""Which proofs give a delegated key: a function of the token, the tenant's document, public keys and the time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from queuebit_broker.grants import grant, trusted_issuers
from queuebit_broker.proofs import read_proof
from queuebit_contracts.delegation import DelegateRequest, Delegation
from queuebit_contracts.directory import Directory
from queuebit_contracts.tenants import parse_tenants
from queuebit_kernel import Malformed
from queuebit_runtime.keys import new_seed, public_key, sign_bytes
from queuebit_testing.issuer import GITHUB, GITHUB_URL, GITLAB, GITLAB_URL, TestIssuer

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ISSUER, STRANGER = TestIssuer(), TestIssuer("two")
ANN, VIC, KEY = new_seed(), new_seed(), public_key(new_seed())
TENANTS = f"""
[tenant.acme.user.ann]
role = "admin"
keys = ["{public_key(ANN)}"]
[tenant.acme.user.vic]
role = "viewer"
keys = ["{public_key(VIC)}"]
[tenant.acme.user.ci]
[tenant.acme.project.chem]
[tenant.acme.project.opt]
[tenant.acme.issuer.github]
url = "{GITHUB_URL}"
audience = "queuebit:acme"
jwks_url = "{GITHUB_URL}/.well-known/jwks"
claims = {{ repository = "acme/{{project}}", ref = "refs/heads/main", repository_owner_id = "65" }}
user = "ci"
[tenant.acme.issuer.gitlab]
url = "{GITLAB_URL}"
audience = "queuebit:acme"
jwks_url = "{GITLAB_URL}/oauth/discovery/keys"
claims = {{ namespace_id = "72", project_path = "acme/*", ref_protected = "true", groups_direct = "acme/quantum" }}
user = "ci"
project = "chem"
scope = "read"
max_lifetime_s = 1800
[tenant.evil.user.eve]
"""
DIRECTORY = Directory(parse_tenants(TENANTS))


def asked(token: str, **fields: Any) -> DelegateRequest:
    return DelegateRequest(key=KEY, proof=token, **fields)


def decide(
    request: DelegateRequest,
    *,
    tenant: str = "acme",
    now: datetime = NOW,
    keys: Sequence[dict[str, Any]] | None = None,
    directory: Directory = DIRECTORY,
) -> Delegation | list[str]:
    proof = read_proof(request.proof)
    entry = directory.tenant.get(tenant)
    trusted = trusted_issuers(entry, proof) if entry else {}
    known = ISSUER.jwks()["keys"] if keys is None else keys
    found = grant(request, proof, tenant, directory, dict.fromkeys(trusted, known), now)
    return found if isinstance(found, Delegation) else [it.code for it in found]


def own(seed: str, *, lifetime: timedelta = timedelta(minutes=5), algorithm: str = "EdDSA", **changes: object) -> str:
    """A proof that a user signs with the own token."""
    issued = int(NOW.timestamp())
    claims = {
        "iss": public_key(seed),
        "sub": "ann",
        "aud": "queuebit:acme",
        "iat": issued,
        "exp": issued + int(lifetime.total_seconds()),
        "jti": "1",
        **changes,
    }
    parts = [{"alg": algorithm, "typ": "JWT"}, {name: it for name, it in claims.items() if it is not None}]
    signed = ".".join(map(_part, parts))
    return f"{signed}.{sign_bytes(seed, signed.encode())}"


def _part(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_run_on_github_gets_a_key_for_the_project_of_its_repository(algorithm: str) -> None:
    found = decide(asked(ISSUER.token(GITHUB, NOW, algorithm=algorithm)))
    assert isinstance(found, Delegation)
    assert (found.user, found.project, found.scope, found.issuer) == ("ci", "chem", "submit", "github")
    assert found.subject == "repo:acme/chem:ref:refs/heads/main"
    assert found.expires_at - found.granted_at == timedelta(hours=1)
    assert found.key == KEY


def test_a_job_on_gitlab_gets_what_its_entry_says() -> None:
    found = decide(asked(ISSUER.token(GITLAB, NOW)))
    assert isinstance(found, Delegation)
    assert (found.user, found.project, found.scope, found.issuer) == ("ci", "chem", "read", "gitlab")
    assert found.expires_at - found.granted_at == timedelta(minutes=30), "no more than the entry allows"


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"audience": "queuebit:evil"}, ["wrong_audience"]),
        ({"audience": None}, ["wrong_audience"]),
        ({"audience": ["https://github.com/acme", "queuebit:acme"]}, []),
        ({"audience": ["https://github.com/acme"]}, ["wrong_audience"]),
        ({"iss": "https://token.actions.githubusercontent.com/"}, ["unknown_issuer"]),
        ({"iss": "https://evil.example"}, ["unknown_issuer"]),
        ({"repository": "acme-evil/chem"}, ["claims_do_not_match"]),
        ({"repository": "acme/unknown"}, ["unknown_project"]),
        ({"repository": "acme/Chem"}, ["claims_do_not_match"]),
        ({"repository": None}, ["claims_do_not_match"]),
        ({"ref": "refs/heads/main2"}, ["claims_do_not_match"]),
        ({"ref": "refs/pull/7/merge"}, ["claims_do_not_match"]),
        ({"repository_owner_id": "66"}, ["claims_do_not_match"]),
        ({"sub": None}, ["malformed"]),
        ({"exp": None}, ["malformed"]),
        ({"iat": None, "nbf": None}, ["malformed"]),
        ({"exp": True}, ["malformed"]),
        ({"exp": 1 << 60}, ["malformed"]),
        ({"jti": None}, []),
        ({"audience": "x", "ref": "y"}, ["wrong_audience", "claims_do_not_match"]),
    ],
)
def test_every_claim_counts(changes: dict[str, object], reasons: list[str]) -> None:
    found = decide(asked(ISSUER.token(GITHUB, NOW, **changes)))  # type: ignore[arg-type]
    assert (isinstance(found, Delegation) and not reasons) or found == reasons


@pytest.mark.parametrize(
    ("minutes", "reasons"),
    [(-2, ["proof_not_yet_valid"]), (-0.9, []), (0, []), (5.9, []), (6, ["proof_expired"]), (600, ["proof_expired"])],
)
def test_clocks_may_differ_by_a_minute(minutes: float, reasons: list[str]) -> None:
    found = decide(asked(ISSUER.token(GITHUB, NOW)), now=NOW + timedelta(minutes=minutes))
    assert (isinstance(found, Delegation) and not reasons) or found == reasons


def test_a_token_of_another_issuers_key_is_refused() -> None:
    forged = STRANGER.token(GITHUB, NOW, headers={"kid": ISSUER.key_id("RS256")})
    assert decide(asked(forged)) == ["bad_signature"]
    assert decide(asked(ISSUER.token(GITHUB, NOW)), keys=[]) == ["bad_signature"]


def test_changed_claims_break_the_signature() -> None:
    head, _, signature = ISSUER.token(GITHUB, NOW).split(".")
    _, body, _ = ISSUER.token(GITHUB, NOW, repository="acme/opt").split(".")
    assert decide(asked(f"{head}.{body}.{signature}")) == ["bad_signature"]


def test_a_token_without_a_signature_is_refused() -> None:
    _, body, _ = ISSUER.token(GITHUB, NOW).split(".")
    for algorithm in ("none", "None", "NONE", ""):
        assert decide(asked(f"{_part({'alg': algorithm, 'typ': 'JWT'})}.{body}.")) == ["bad_signature"]


def test_a_public_key_is_no_shared_secret() -> None:
    """RS256 to HS256: signed with the public key as the secret of an HMAC."""
    _, body, _ = ISSUER.token(GITHUB, NOW).split(".")
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': ISSUER.key_id('RS256')})}.{body}"
    for secret in (json.dumps(ISSUER.jwk("RS256")), ISSUER.jwk("RS256")["n"]):
        image = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
        forged = f"{signed}.{base64.urlsafe_b64encode(image).rstrip(b'=').decode()}"
        bare = {name: it for name, it in ISSUER.jwk("RS256").items() if name != "alg"}
        assert decide(asked(forged), keys=[bare]) == ["bad_signature"]
        assert decide(asked(forged), keys=[{"kty": "oct", "k": secret}]) == ["bad_signature"]


def test_an_algorithm_belongs_to_a_type_of_key() -> None:
    token = ISSUER.token(GITHUB, NOW, algorithm="ES256")
    rsa = {**ISSUER.jwk("RS256"), "kid": ISSUER.key_id("ES256"), "alg": "ES256"}
    other_use = {**ISSUER.jwk("ES256"), "use": "enc"}
    other_curve = {**ISSUER.jwk("ES256"), "crv": "P-384"}
    other_algorithm = {**ISSUER.jwk("ES256"), "alg": "ES384"}
    for key in (rsa, other_use, other_curve, other_algorithm, {}, {"kty": ["EC"]}, {"kty": "EC", "crv": {}}):
        assert decide(asked(token), keys=[key]) == ["bad_signature"], key


def test_a_short_rsa_key_is_no_key(recwarn: pytest.WarningsRecorder) -> None:
    short = {**ISSUER.jwk("RS256"), "n": _part("x" * 100)}
    assert decide(asked(ISSUER.token(GITHUB, NOW)), keys=[short]) == ["bad_signature"]


def test_keys_rotate_by_their_ids() -> None:
    new = TestIssuer("new")
    both = [*new.jwks()["keys"], *ISSUER.jwks()["keys"]]
    for signer in (new, ISSUER):
        assert isinstance(decide(asked(signer.token(GITHUB, NOW)), keys=both), Delegation)
    assert decide(asked(ISSUER.token(GITHUB, NOW)), keys=new.jwks()["keys"]) == ["bad_signature"]
    nameless = ISSUER.token(GITHUB, NOW, headers={"kid": None})
    assert isinstance(decide(asked(nameless), keys=both), Delegation), "all keys are tried"


@pytest.mark.parametrize(
    ("fields", "reasons"),
    [
        ({"scope": "read"}, []),
        ({"scope": "submit"}, []),
        ({"scope": "admin"}, ["scope_too_wide"]),
        ({"scope": "root"}, ["unknown_scope"]),
        ({"project": "chem"}, []),
        ({"project": "opt"}, ["wrong_project"]),
        ({"lifetime_s": 3600}, []),
        ({"lifetime_s": 3601}, ["lifetime_too_long"]),
        (
            {"scope": "admin", "project": "opt", "lifetime_s": 43_200},
            ["scope_too_wide", "wrong_project", "lifetime_too_long"],
        ),
    ],
)
def test_less_may_be_asked_for_and_never_more(fields: dict[str, object], reasons: list[str]) -> None:
    found = decide(asked(ISSUER.token(GITHUB, NOW), **fields))
    if isinstance(found, Delegation):
        assert {name: getattr(found, name, None) for name in fields} | {"lifetime_s": 0} == {**fields, "lifetime_s": 0}
    assert (isinstance(found, Delegation) and not reasons) or found == reasons


def test_the_role_of_the_user_limits_the_scope() -> None:
    viewer = Directory(
        parse_tenants(TENANTS.replace("[tenant.acme.user.ci]", '[tenant.acme.user.ci]\nrole = "viewer"'))
    )
    assert decide(asked(ISSUER.token(GITHUB, NOW), scope="submit"), directory=viewer) == ["scope_too_wide"]
    found = decide(asked(ISSUER.token(GITHUB, NOW)), directory=viewer)
    assert isinstance(found, Delegation)
    assert found.scope == "read"


def test_a_removed_user_gets_no_key() -> None:
    without = Directory(parse_tenants(TENANTS.replace("[tenant.acme.user.ci]\n", "")))
    assert decide(asked(ISSUER.token(GITHUB, NOW)), directory=without) == ["unknown_user"]


def test_a_foreign_tenant_gives_nothing() -> None:
    assert decide(asked(ISSUER.token(GITHUB, NOW)), tenant="evil") == ["unknown_issuer"]
    assert decide(asked(ISSUER.token(GITHUB, NOW)), tenant="nowhere") == ["unknown_tenant"]
    assert decide(asked(own(ANN)), tenant="evil") == ["bad_signature"]


def test_of_two_entries_of_one_issuer_the_first_that_fits_counts() -> None:
    pulls = f"""
[tenant.acme.issuer.a-pull-request]
url = "{GITHUB_URL}"
audience = "queuebit:acme"
jwks_url = "{GITHUB_URL}/.well-known/jwks"
claims = {{ repository = "acme/chem", ref = "**" }}
user = "ci"
scope = "read"
"""
    both = Directory(parse_tenants(TENANTS + pulls))
    pull = decide(asked(ISSUER.token(GITHUB, NOW, ref="refs/pull/7/merge")), directory=both)
    main = decide(asked(ISSUER.token(GITHUB, NOW), scope="submit"), directory=both)
    assert isinstance(pull, Delegation)
    assert isinstance(main, Delegation)
    assert (pull.issuer, pull.scope, main.issuer, main.scope) == ("a-pull-request", "read", "github", "submit")


def test_one_token_gives_one_id_whatever_its_signature() -> None:
    first = decide(asked(ISSUER.token(GITHUB, NOW)))
    again = decide(asked(ISSUER.token(GITHUB, NOW, algorithm="ES256", sha="other")))
    other = decide(asked(ISSUER.token(GITHUB, NOW, jti="another")))
    assert isinstance(first, Delegation)
    assert isinstance(again, Delegation)
    assert isinstance(other, Delegation)
    assert first.delegation == again.delegation != other.delegation
    nameless = [decide(asked(ISSUER.token(GITHUB, NOW, jti=None, algorithm="ES256"))) for _ in range(2)]
    ids = {it.delegation for it in nameless if isinstance(it, Delegation)}
    assert len(ids) == 1, "two signatures over the same claims"


def test_users_delegate_with_their_own_token() -> None:
    found = decide(asked(own(ANN, scope="admin", project="opt", cnf={"nkey": KEY}), lifetime_s=43_200))
    assert isinstance(found, Delegation)
    assert (found.user, found.scope, found.project, found.token) == ("ann", "admin", "opt", public_key(ANN))
    assert found.issuer is None
    narrow = decide(asked(own(ANN)))
    assert isinstance(narrow, Delegation)
    assert narrow.scope == "submit", "an admin says so in the proof, or the key is none"


@pytest.mark.parametrize(
    ("token", "reasons"),
    [
        (own(ANN, aud="queuebit:evil"), ["wrong_audience"]),
        (own(ANN, lifetime=timedelta(minutes=11)), ["proof_too_long"]),
        (own(ANN, jti=None), ["malformed"]),
        (own(ANN, cnf={"nkey": public_key(ANN)}), ["wrong_key"]),
        (own(ANN, cnf={"jwk": {}}), ["wrong_key"]),
        (own(ANN, project="nowhere"), ["unknown_project"]),
        (own(ANN, project="../../x"), ["unknown_project"]),
        (own(ANN, scope="root"), ["unknown_scope"]),
        (own(VIC, sub="vic"), ["scope_too_wide"]),
        (own(new_seed()), ["bad_signature"]),
        (own(ANN, iss=public_key(VIC)), ["bad_signature"]),
        (own(ANN, algorithm="none"), ["bad_signature"]),
        (own(ANN, algorithm="HS256"), ["bad_signature"]),
        (own(ANN, iss="U" + "A" * 55), ["bad_signature"]),
    ],
)
def test_a_proof_of_ones_own_has_rules_too(token: str, reasons: list[str]) -> None:
    assert decide(asked(token, scope="submit" if "scope_too_wide" in reasons else None)) == reasons


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "a.b",
        "a.b.c",
        "..",
        f"{_part([])}.{_part({})}.",
        f"{_part({'alg': 'RS256'})}.{_part([1])}.x",
        f"{_part({'alg': 'RS256'})}.{_part({'sub': 'x'})}.x",
        f"{_part({'alg': 'RS256'})}.{_part({'iss': 7})}.x",
        f"{_part({'alg': 'RS256', 'crit': ['exp']})}.{_part({'iss': 'x'})}.x",
        f"{_part({'alg': 'RS256', 'typ': 'logout+jwt'})}.{_part({'iss': 'x'})}.x",
        f"{_part({'alg': 'RS256', 'typ': 7})}.{_part({'iss': 'x'})}.x",
        f"{_part({'alg': 'RS256', 'kid': 7})}.{_part({'iss': 'x'})}.x",
        "[" * 9_000 + ".e30.",
    ],
)
def test_what_is_no_token_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_proof(text)
    assert len(text) < 4 or text not in str(caught.value)


def test_a_pod_of_kubernetes_acts_for_the_tenant_of_its_namespace() -> None:
    """A token that its cluster signs, with claims inside of `kubernetes.io`; one that is bound to no pod is refused."""
    url = "https://kubernetes.default.svc.cluster.local"
    entry = f"""
[tenant.acme.issuer.kubernetes-chem]
url = "{url}"
audience = "queuebit:acme"
jwks_url = "{url}/openid/v1/jwks"
claims = {{ sub = "system:serviceaccount:chem:*", "kubernetes.io/pod/uid" = "*" }}
user = "ci"
project = "chem"
"""
    directory = Directory(parse_tenants(TENANTS + entry))
    bound = {"namespace": "chem", "pod": {"name": "a", "uid": "1ad6"}, "serviceaccount": {"name": "run", "uid": "77d0"}}
    claims = {"iss": url, "sub": "system:serviceaccount:chem:run", "jti": "a", "kubernetes.io": bound}
    found = decide(asked(ISSUER.token(claims, NOW)), directory=directory)
    assert isinstance(found, Delegation)
    assert (found.user, found.project, found.scope) == ("ci", "chem", "submit")
    unbound = {**claims, "kubernetes.io": {"namespace": "chem"}}
    assert decide(asked(ISSUER.token(unbound, NOW)), directory=directory) == ["claims_do_not_match"]
    elsewhere = {**claims, "sub": "system:serviceaccount:beta:run"}
    assert decide(asked(ISSUER.token(elsewhere, NOW)), directory=directory) == ["claims_do_not_match"]
    assert decide(asked(STRANGER.token(claims, NOW)), directory=directory) == ["bad_signature"]
