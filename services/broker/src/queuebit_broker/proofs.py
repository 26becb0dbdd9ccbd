"""Proofs that are exchanged for delegated keys: JSON Web Tokens, and their signatures.

Pure. PyJWT takes a token apart and computes with keys; which keys and algorithms count is decided here. It is loaded
with the first proof: brokers without delegated keys do without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from queuebit_kernel import Malformed, digest, to_base64url
from queuebit_runtime.keys import key_bytes

__all__ = ["MOST_KEYS", "Proof", "nkey_as_jwk", "read_proof", "signed_with"]

_Jwk = Mapping[str, Any]  # RFC 7517

_ALGORITHMS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("RSA", ""): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
"""By type and curve of a public key. There is none without a signature, and none with a shared secret."""

_SHORTEST_RSA: Final = 2048
MOST_KEYS: Final = 64
"""Keys of one issuer; also the most signatures that one proof is compared with."""
_NKEY = re.compile(r"U[A-Z2-7]{55}")
_TYPES = ("jwt", "at+jwt", "application/at+jwt")


@dataclass(frozen=True, slots=True)
class Proof:
    """What a token says, before anything of it is verified."""

    text: str = field(repr=False)
    algorithm: str
    key_id: str | None
    claims: Mapping[str, Any]  # JSON

    @property
    def issuer(self) -> str:
        """The claim `iss`."""
        return str(self.claims["iss"])

    @property
    def signer(self) -> str | None:
        """The public half of the user's token that signed it; None if an issuer did."""
        return self.issuer if _NKEY.fullmatch(self.issuer) else None

    @property
    def signed(self) -> str:
        """What is signed: the token without its signature, of which there may be several."""
        return self.text.rpartition(".")[0]

    @property
    def digest(self) -> str:
        """The digest of what is signed."""
        return digest(self.signed.encode())


def read_proof(text: str) -> Proof:
    """Take a token apart.

    Raises:
        Malformed: it is no signed JWT of a kind that is known here. The text does not quote it: it is a secret.
    """
    import jwt

    try:
        whole = jwt.decode_complete(text, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise Malformed(
            "the proof is not a JSON Web Token: send the text of an ID token, three parts with dots"
        ) from error
    header, claims = whole["header"], whole["payload"]
    key_id, kind = header.get("kid"), header.get("typ", "JWT")
    if "crit" in header or not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise Malformed("the proof is a token of another kind: send an ID token")
    if not isinstance(claims.get("iss"), str) or not isinstance(key_id, str | None):
        raise Malformed("the proof does not name its issuer: send an ID token, which has the claim `iss`")
    return Proof(text, str(header.get("alg")), key_id, claims)


def signed_with(proof: Proof, keys: Sequence[_Jwk]) -> bool:
    """Whether one of these public keys signed the proof, with an algorithm that its type permits."""
    return any(_verifies(proof, key) for key in _fitting(proof, keys))


def nkey_as_jwk(key: str) -> _Jwk:
    """The public half of a user's token as a JSON Web Key.

    Raises:
        ValueError: it is none.
    """
    return {"kty": "OKP", "crv": "Ed25519", "x": to_base64url(key_bytes(key))}


def _fitting(proof: Proof, keys: Sequence[_Jwk]) -> Iterator[_Jwk]:
    """The keys that may have signed a proof: with its key id, if it has one."""
    for key in keys[:MOST_KEYS]:
        if not isinstance(key, dict):
            continue
        kind, curve = key.get("kty"), key.get("crv", "") if key.get("kty") != "RSA" else ""
        permitted = _ALGORITHMS.get((kind, curve), ()) if isinstance(kind, str) and isinstance(curve, str) else ()
        of_this_id = proof.key_id is None or key.get("kid") in (None, proof.key_id)
        for_this = key.get("use", "sig") == "sig" and key.get("alg", proof.algorithm) == proof.algorithm
        if of_this_id and for_this and proof.algorithm in permitted:
            yield key


def _verifies(proof: Proof, key: _Jwk) -> bool:
    import jwt

    try:
        known = jwt.PyJWK(dict(key), algorithm=proof.algorithm)
        if getattr(known.key, "key_size", _SHORTEST_RSA) < _SHORTEST_RSA and key["kty"] == "RSA":
            return False
        jwt.PyJWS().decode(proof.text, known, algorithms=[proof.algorithm])
    except (jwt.PyJWTError, ValueError, TypeError):
        return False
    return True
