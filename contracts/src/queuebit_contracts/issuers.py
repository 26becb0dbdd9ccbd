"""Issuers of OpenID Connect tokens that a tenant trusts, and the claims that their tokens must have.

    [tenant.acme.issuer.github]
    url = "https://token.actions.githubusercontent.com"
    audience = "queuebit:acme"
    jwks_url = "https://token.actions.githubusercontent.com/.well-known/jwks"
    claims = { repository = "acme/{project}", ref = "refs/heads/main" }
    user = "ci"

In a pattern, `*` stands for any characters but `/` and `:`, and `**` for any. `{user}` and `{project}` stand for a
plain name, and make it the user or the project of the key that the token is exchanged for. A claim inside of others is
named by its path: `"kubernetes.io/pod/name"`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from queuebit_contracts.delegation import MAX_LIFETIME_S
from queuebit_contracts.roles import Scope
from queuebit_contracts.wire import NAME

__all__ = ["LOOPBACK", "Issuer", "match_claims"]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that are asked without TLS: those of this machine."""

_CAPTURED = ("user", "project")
_PARTS = re.compile(r"\*\*|\*|\{[^{}]*\}|[^*{}]+|[{}]")
_EXPRESSIONS = {
    "**": ".*",
    "*": "[^/:]*",
    "{user}": f"(?P<user>{NAME[1:-1]})",
    "{project}": f"(?P<project>{NAME[1:-1]})",
}


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{url!r:.80} is not an address: {error}") from error
    if not host or parts.username is not None or parts.fragment or re.search(r"[\s\x00-\x1f]", url):
        raise ValueError(f"{url!r:.80} is not an address: write it like https://login.example.org/acme")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        raise ValueError(f"{url!r:.80} must begin with https://: only hosts of this machine are asked without TLS")
    return url


def _plain_or_empty(name: str) -> str:
    if name and not re.fullmatch(NAME[1:-1], name):
        raise ValueError(f"{name!r:.80} is not a plain name")
    return name


_Url = Annotated[str, Field(max_length=1024), AfterValidator(_address)]
_Name = Annotated[str, AfterValidator(_plain_or_empty)]
_Claim = Annotated[str, Field(min_length=1, max_length=128)]
_Pattern = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(lambda text: (_compiled(text), text)[1])]


class Issuer(BaseModel):
    """An issuer, and who may exchange its tokens for a delegated key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: _Url
    """The claim `iss` of its tokens, exactly."""
    audience: str = Field(min_length=1, max_length=512)
    """One of the audiences in the claim `aud`; choose one that is used for this tenant alone."""
    jwks: str = Field(default="", max_length=65_536)
    """Its public keys, as the text of a JSON Web Key Set; then the broker needs no network."""
    jwks_url: Annotated[str, AfterValidator(lambda url: url and _address(url))] = Field(default="", max_length=1024)
    """Where its public keys are."""
    claims: dict[_Claim, _Pattern] = Field(min_length=1, max_length=32)
    """What a token must say: a pattern for each claim. A list matches if one of its texts does."""
    user: _Name = ""
    """The user in whose name the key acts; empty if a pattern has `{user}`."""
    project: _Name = ""
    """The only project whose jobs the key may submit and cancel; empty for any, or if a pattern has `{project}`."""
    scope: Scope = "submit"
    """The widest scope of the key; the role of the user limits it too."""
    max_lifetime_s: int = Field(default=3600, ge=60, le=MAX_LIFETIME_S)
    """The longest life of a key."""

    @model_validator(mode="after")
    def _names_its_keys_once(self) -> Issuer:
        if bool(self.jwks) == bool(self.jwks_url):
            raise ValueError("give the issuer's public keys either as `jwks` or as `jwks_url`")
        if self.jwks:
            _check_keys(self.jwks)
        return self

    @model_validator(mode="after")
    def _names_its_user_once(self) -> Issuer:
        captured = [word for pattern in self.claims.values() for word in _PARTS.findall(pattern)]
        for name in _CAPTURED:
            found = captured.count(f"{{{name}}}") + bool(getattr(self, name))
            if found > 1 or (name == "user" and not found):
                raise ValueError(f"give the {name} once: as `{name}`, or as {{{name}}} in the pattern of one claim")
        return self


_PRIVATE = frozenset({"d", "k", "p", "q"})


def _check_keys(text: str) -> None:
    try:
        keys = json.loads(text)["keys"]
        public = [isinstance(it, dict) and it.get("kty") in ("RSA", "EC", "OKP") for it in keys]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError('`jwks` is not a JSON Web Key Set: it begins with {"keys": [') from error
    if not public or not all(public):
        raise ValueError("`jwks` must hold public keys of the types RSA, EC and OKP, and nothing else")
    if any(not _PRIVATE.isdisjoint(it) for it in keys):
        raise ValueError("`jwks` holds a secret key: replace that key, it is not secret any more; give public ones")


@lru_cache(1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression.

    Raises:
        ValueError: it has braces around something else.
    """
    parts = _PARTS.findall(pattern)
    if strange := [part for part in parts if part[0] in "{}" and part not in _EXPRESSIONS]:
        raise ValueError(f"{strange[0]!r} is not known in a pattern: use *, **, {{user}} and {{project}}")
    return re.compile("".join(_EXPRESSIONS.get(part) or re.escape(part) for part in parts), re.DOTALL)


def match_claims(issuer: Issuer, claims: Mapping[str, object]) -> Mapping[str, str] | Sequence[str]:
    """The user and project that a token's claims give; or the names of the claims that do not match.

    A missing claim does not match. Numbers and booleans are compared as JSON writes them.
    """
    found = {"user": issuer.user, "project": issuer.project}
    wrong = list[str]()
    for name, pattern in issuer.claims.items():
        values = _claim(claims, name)
        each = values if isinstance(values, list) else [values]
        matches = (_compiled(pattern).fullmatch(text) for text in map(_text, each) if text is not None)
        if (first := next((it for it in matches if it), None)) is None:
            wrong.append(name)
        else:
            found |= first.groupdict()
    return wrong or found


def _claim(claims: Mapping[str, object], name: str) -> object:
    """A claim by its name, or by its path if there is none of that name."""
    first, _, rest = name.partition("/")
    inner = claims.get(first)
    if name in claims or not rest or not isinstance(inner, Mapping):
        return claims.get(name)
    return _claim(inner, rest)


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int) else None
