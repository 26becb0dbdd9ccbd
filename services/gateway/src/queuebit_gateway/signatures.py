"""Verifies HTTP message signatures (RFC 9421) by Ed25519 NKeys, over bodies with a digest (RFC 9530).

A signature has to cover the method, the whole target and, where there is a body, its digest; it says when it was
created, and is accepted for five minutes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from queuebit_kernel import to_base64url
from queuebit_runtime.keys import verify_bytes

__all__ = ["LIFE_S", "BadSignature", "SignedRequest", "signer_of"]

LIFE_S: Final = 300
"""The longest time for which a signature is accepted, in seconds; clocks may differ by a tenth of it."""

_SKEW_S = LIFE_S // 10
_MEMBER = re.compile(
    r'(?<![a-z0-9_.*-])(?P<label>[a-z*][a-z0-9_.*-]*)=\((?P<components>[^()]*)\)(?P<parameters>(?:;[^,;="]+="[^"]*"|;[^,;"]+)*)'
)
_COMPONENT = re.compile(r'"([a-z0-9@_-]+)"')
_PARAMETER = re.compile(r';([a-z*][a-z0-9_.*-]*)=("[^"]*"|-?\d+)')
_ITEM = re.compile(r"(?<![a-z0-9_.*-])([a-z0-9*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):")
_HASHES: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "sha-256": lambda body: hashlib.sha256(body).digest(),
    "sha-512": lambda body: hashlib.sha512(body).digest(),
}
_TARGETS: Final = (frozenset({"@target-uri"}), frozenset({"@authority", "@path", "@query"}))


class BadSignature(Exception):
    """The signature cannot be accepted; the text says why."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The parts of a request that a signature can cover."""

    method: str
    url: str
    """As the client addressed it."""
    headers: Mapping[str, str]
    """By name in lower case; several of one name joined with commas."""
    body: bytes = b""

    def component(self, name: str) -> str:
        """The value of a component.

        Raises:
            BadSignature: the request has none of this name.
        """
        parts = urlsplit(self.url)
        derived: Mapping[str, str] = {
            "@method": self.method,
            "@target-uri": self.url,
            "@authority": parts.netloc.lower(),
            "@scheme": parts.scheme,
            "@path": parts.path or "/",
            "@query": f"?{parts.query}",
            "@request-target": f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}",
        }
        value = (derived if name.startswith("@") else self.headers).get(name)
        if value is None:
            raise BadSignature(f"the signature covers {name}, which the request does not have")
        return value.strip()


def signer_of(request: SignedRequest, now: float) -> str:
    """The public NKey that signed a request.

    Raises:
        BadSignature: none did, or its signature cannot be accepted.
    """
    member = _MEMBER.search(request.headers.get("signature-input", ""))
    if member is None:
        raise BadSignature("the header Signature-Input has no signature")
    components = _COMPONENT.findall(member["components"])
    parameters: dict[str, str] = {name: value.strip('"') for name, value in _PARAMETER.findall(member["parameters"])}
    key = parameters.get("keyid", "")
    _require_cover(components, request.body)
    _require_time(parameters, now)
    if parameters.get("alg", "ed25519") != "ed25519":
        raise BadSignature(f"the algorithm {parameters['alg']} is not known here: sign with ed25519")
    if request.body or "content-digest" in components:  # also a body that was taken away
        _require_digest(request)
    signature = dict(_ITEM.findall(request.headers.get("signature", ""))).get(member["label"], "")
    lines = [f'"{name}": {request.component(name)}' for name in components]
    lines.append(f'"@signature-params": ({member["components"]}){member["parameters"]}')
    text = to_base64url(_bytes(signature))
    if not verify_bytes(key, "\n".join(lines).encode(), text):
        raise BadSignature("the signature does not match the request and its keyid")
    return key


def _require_cover(components: list[str], body: bytes) -> None:
    covered = {*components}
    if "@method" not in covered or not any(it <= covered for it in _TARGETS):
        raise BadSignature('the signature has to cover "@method" and "@target-uri"')
    if body and "content-digest" not in covered:
        raise BadSignature('the signature of a request with a body has to cover "content-digest"')
    if len(covered) != len(components):
        raise BadSignature("the signature covers a component twice")


def _require_time(parameters: Mapping[str, str], now: float) -> None:
    try:
        created = int(parameters["created"])
        expires = int(parameters.get("expires", created + LIFE_S))
    except (KeyError, ValueError) as error:
        raise BadSignature("the signature has to say when it was created: created=SECONDS") from error
    if not created - _SKEW_S <= now <= min(expires, created + LIFE_S):
        raise BadSignature(f"the signature is expired or from the future: sign again; it lives {LIFE_S} s at most")


def _require_digest(request: SignedRequest) -> None:
    given = dict(_ITEM.findall(request.headers.get("content-digest", "")))
    known = [(hash_, given[name]) for name, hash_ in _HASHES.items() if name in given]
    if not known:
        raise BadSignature(f"the header Content-Digest needs one of {', '.join(_HASHES)}")
    if not all(hmac.compare_digest(_bytes(value), hash_(request.body)) for hash_, value in known):
        raise BadSignature("the body is not the one that Content-Digest names")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSignature("a value in a header is not base64") from error
