"""The decision on a delegated key: a function of the proof, the tenant's document, public keys and the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from queuebit_broker.proofs import Proof, nkey_as_jwk, signed_with
from queuebit_contracts.delegation import (
    DEFAULT_LIFETIME_S,
    MAX_LIFETIME_S,
    DelegateRequest,
    Delegation,
    audience_of,
    delegation_id,
)
from queuebit_contracts.directory import Directory
from queuebit_contracts.issuers import Issuer, match_claims
from queuebit_contracts.roles import ROLE_OF, SCOPES, VERBS_OF, Scope, scopes_within
from queuebit_contracts.tenants import Tenant
from queuebit_contracts.wire import Reason

__all__ = ["KeysOf", "grant", "trusted_issuers"]

KeysOf = Mapping[str, Sequence[Mapping[str, Any]]]
"""JSON Web Keys, by the name of the issuer."""

_SKEW: Final = timedelta(seconds=60)
"""How far clocks may differ."""

_LONGEST_OWN: Final = timedelta(minutes=10)
"""The longest life of a proof that a user signs: it is sent at once."""


@dataclass(frozen=True, slots=True)
class _Terms:
    """The most that a proof gives."""

    user: str
    project: str
    scope: str
    lifetime_s: int
    issuer: str | None = None
    token: str | None = None


def trusted_issuers(tenant: Tenant, proof: Proof) -> Mapping[str, Issuer]:
    """The issuers of a tenant that may have issued a proof, in the order in which they are tried."""
    return {name: it for name, it in sorted(tenant.issuer.items()) if it.url == proof.issuer}


def grant(
    request: DelegateRequest, proof: Proof, name: str, directory: Directory, keys: KeysOf, now: datetime
) -> Delegation | tuple[Reason, ...]:
    """The delegation that a proof gives, or every reason against it.

    Of several issuers that may have signed it, the first counts against which nothing speaks; otherwise the reasons are
    those of the one that comes closest.

    Args:
        request: what is asked.
        proof: its proof.
        name: the tenant.
        directory: all tenants.
        keys: the public keys of each of the `trusted_issuers`.
        now: the time.
    """
    tenant = directory.tenant.get(name)
    if tenant is None:
        return (_no("unknown_tenant", f"there is no tenant {name}: name the tenant whose job it is"),)
    if proof.signer is not None:
        return _own(request, proof, name, tenant, directory, now)
    trusted = trusted_issuers(tenant, proof)
    if not trusted:
        return (
            _no(
                "unknown_issuer",
                f"tenant {name} does not trust the issuer {proof.issuer:.200}: an operator adds it as "
                f"[tenant.{name}.issuer.NAME] to the tenants document",
            ),
        )
    tried = [_by_issuer(request, proof, name, tenant, each, it, keys, now) for each, it in trusted.items()]
    return next((it for it in tried if isinstance(it, Delegation)), None) or min(
        (it for it in tried if isinstance(it, tuple)), key=len
    )


def _by_issuer(
    request: DelegateRequest,
    proof: Proof,
    name: str,
    tenant: Tenant,
    entry: str,
    issuer: Issuer,
    keys: KeysOf,
    now: datetime,
) -> Delegation | tuple[Reason, ...]:
    if not signed_with(proof, keys.get(entry, ())):
        return (_unsigned(f"no key of issuer {entry}"),)
    reasons = [*_about_claims(proof, issuer.audience, now)]
    found = match_claims(issuer, proof.claims)
    if not isinstance(found, Mapping):
        listed = ", ".join(found)
        return (*reasons, _no("claims_do_not_match", f"issuer {entry} asks for other values of the claims {listed}"))
    terms = _Terms(found["user"], found["project"], issuer.scope, issuer.max_lifetime_s, issuer=entry)
    return _granted(request, proof, name, tenant, terms, reasons, now)


def _own(
    request: DelegateRequest, proof: Proof, name: str, tenant: Tenant, directory: Directory, now: datetime
) -> Delegation | tuple[Reason, ...]:
    """The proof is signed with a token of the user's own."""
    key, claims = str(proof.signer), proof.claims
    known = directory.user(name, key)
    try:
        signed = known is not None and signed_with(proof, [nkey_as_jwk(key)])
    except ValueError:
        signed = False
    if known is None or not signed:
        return (_unsigned(f"no token of a user of tenant {name}"),)
    reasons = [*_about_claims(proof, audience_of(name), now)]
    if not reasons and _moment(claims, "exp") - _moment(claims, "iat") > _LONGEST_OWN:
        reasons.append(_no("proof_too_long", "the proof is valid for more than 10 minutes: sign one that ends earlier"))
    if not isinstance(claims.get("jti"), str):
        reasons.append(_no("malformed", "the proof has no `jti`: give each proof a text of its own there"))
    if claims.get("cnf", {"nkey": request.key}) != {"nkey": request.key}:
        reasons.append(_no("wrong_key", "the proof is for another key: ask for the key that it names in `cnf`"))
    scope = str(claims.get("scope", "submit"))
    terms = _Terms(known[0], str(claims.get("project") or ""), scope, MAX_LIFETIME_S, token=key)
    return _granted(request, proof, name, tenant, terms, reasons, now)


def _about_claims(proof: Proof, audience: str, now: datetime) -> Iterator[Reason]:
    """What speaks against a proof whose signature is good: for whom it is, and when."""
    claims = proof.claims
    aud = claims.get("aud")
    if audience not in (aud if isinstance(aud, list) else [aud]):
        yield _no("wrong_audience", f"the proof is for another audience: ask its issuer for the audience {audience}")
    if not isinstance(claims.get("sub"), str):
        yield _no("malformed", "the proof does not say whom it is about: it has no claim `sub`")
    try:
        expires, issued = _moment(claims, "exp"), _moment(claims, "iat")
        begins = _moment(claims, "nbf") if "nbf" in claims else issued
    except ValueError:
        yield _no("malformed", "the proof does not say when it was issued and when it expires, in `iat` and `exp`")
        return
    if now >= expires + _SKEW:
        yield _no("proof_expired", f"the proof expired at {expires:%Y-%m-%d %H:%M:%S} UTC: get a new one")
    if now < max(begins, issued) - _SKEW:
        yield _no("proof_not_yet_valid", "the proof is from the future: compare the clocks of both machines")


def _granted(
    request: DelegateRequest,
    proof: Proof,
    name: str,
    tenant: Tenant,
    terms: _Terms,
    reasons: Sequence[Reason],
    now: datetime,
) -> Delegation | tuple[Reason, ...]:
    """What of the most that a proof gives is asked for."""
    scope = request.scope or _widest(terms, tenant)
    project = request.project or terms.project or None
    lifetime_s = request.lifetime_s or min(DEFAULT_LIFETIME_S, terms.lifetime_s)
    against = (*reasons, *_about_terms(request, name, tenant, terms, scope, project, lifetime_s))
    if against:
        return against
    return Delegation(
        tenant=name,
        delegation=delegation_id(name, proof.issuer, str(proof.claims.get("jti") or proof.signed)),
        key=request.key,
        user=terms.user,
        scope=scope,
        project=project,
        issuer=terms.issuer,
        token=terms.token,
        subject=str(proof.claims["sub"]),
        proof=proof.digest,
        granted_at=now,
        expires_at=now + timedelta(seconds=lifetime_s),
    )


def _about_terms(
    request: DelegateRequest,
    name: str,
    tenant: Tenant,
    terms: _Terms,
    scope: str,
    project: str | None,
    lifetime_s: int,
) -> Iterator[Reason]:
    user = tenant.user.get(terms.user)
    if user is None:
        yield _no(
            "unknown_user",
            f"tenant {name} has no user {terms.user}, in whose name the key would act: add it with "
            f"`qb tenant user add {name} {terms.user}`",
        )
    if scope not in SCOPES:
        yield _no("unknown_scope", f"there is no scope {scope:.40}: ask for one of {', '.join(SCOPES)}")
    elif scope not in _scopes_of(terms):
        yield _no("scope_too_wide", f"the proof gives the scope {terms.scope:.40} at most, not {scope}: ask for less")
    elif user is not None and scope not in (within := scopes_within(user.role)):
        whose = f"{terms.user} has the role {user.role}"
        yield _no("scope_too_wide", f"{whose}, which is less than the scope {scope}: ask for {' or '.join(within)}")
    if terms.project and project != terms.project:
        yield _no("wrong_project", f"the proof is for project {terms.project}, not {project}: ask for that one")
    elif project is not None and project not in tenant.project:
        yield _no("unknown_project", f"tenant {name} has no project {project}: see `qb tenant show {name}`")
    if lifetime_s > terms.lifetime_s:
        yield _no("lifetime_too_long", f"the key may live {terms.lifetime_s:,} s, not {lifetime_s:,}: ask for less")


def _widest(terms: _Terms, tenant: Tenant) -> str:
    """The widest scope within the proof and the role of its user."""
    user = tenant.user.get(terms.user)
    within = [it for it in _scopes_of(terms) if user is None or it in scopes_within(user.role)]
    return max(within, key=lambda it: len(VERBS_OF[ROLE_OF[it]]), default=terms.scope)


def _scopes_of(terms: _Terms) -> tuple[Scope, ...]:
    """The scopes within that of a proof; none if it is unknown."""
    role = next((role for scope, role in ROLE_OF.items() if scope == terms.scope), None)
    return () if role is None else scopes_within(role)


def _moment(claims: Mapping[str, Any], name: str) -> datetime:
    """A claim that is a NumericDate; ValueError if it is none."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 33:
        raise ValueError(name)
    return datetime.fromtimestamp(value, UTC)


def _unsigned(who: str) -> Reason:
    return _no("bad_signature", f"{who} signed the proof: send it unchanged, and as soon as it was issued")


def _no(code: str, text: str) -> Reason:
    return Reason(code=code, text=text)
