"""Ed25519 keys in tokens with PKCS#11, such as an HSM, a smart card, or SoftHSM."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from queuebit_proof.devices.kept_key import require_own
from queuebit_proof.devices.pkcs11_uri import TokenUri
from queuebit_proof.errors import KeysUnsafe, SignerAway

if TYPE_CHECKING:
    from pkcs11 import Session

__all__ = ["TokenKey"]

_POINT_BYTES: Final = 32


class TokenKey:
    """One key of a token."""

    def __init__(self, uri: TokenUri) -> None:
        self._uri = uri
        self._module = _module(uri.module)

    @classmethod
    def of(cls, reference: str) -> TokenKey:
        """The key of a reference.

        Raises:
            KeysUnsafe: the reference is wrong, or `python-pkcs11` is not installed.
        """
        try:
            import pkcs11  # noqa: F401  # the module below needs it
        except ImportError as error:
            raise KeysUnsafe("a token needs its library: pip install 'queuebit-proof[pkcs11]'") from error
        return cls(TokenUri.parse(reference))

    def public(self) -> bytes:
        """The raw public key; the token must have it as an object with the same name."""
        return self._module.use(self._uri, lambda login: _point(login.object(self._uri, "PUBLIC_KEY")))

    def sign(self, public: bytes, message: bytes) -> bytes:
        """Sign with the key, which must be the one with this public key."""

        def act(login: _Login) -> bytes:
            signature = _signed(login.object(self._uri, "PRIVATE_KEY"), message)
            return require_own(signature, public, message, self._uri.text)

        return self._module.use(self._uri, act)


def _point(key: Any) -> bytes:  # an object of the library
    from pkcs11 import Attribute

    return bytes(key[Attribute.EC_POINT])[-_POINT_BYTES:]  # some tokens wrap it as an octet string of DER


def _signed(key: Any, message: bytes) -> bytes:
    from pkcs11 import Mechanism

    return bytes(key.sign(message, mechanism=Mechanism.EDDSA))


class _WrongPin(SignerAway):
    """The token refused a PIN."""


class _Login:
    """A session with a token, and the keys that were found in it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: dict[tuple[str, str], Any] = {}

    def object(self, uri: TokenUri, kind: str) -> Any:  # an object of the library
        """The one Ed25519 key of this kind with the name of a reference."""
        if (uri.text, kind) not in self._found:
            self._found[uri.text, kind] = self._search(uri, kind)
        return self._found[uri.text, kind]

    def _search(self, uri: TokenUri, kind: str) -> Any:
        from pkcs11 import Attribute, KeyType, ObjectClass

        named = {Attribute.CLASS: ObjectClass[kind], Attribute.LABEL: uri.label, Attribute.ID: uri.id}
        keys = list(self._session.get_objects({name: it for name, it in named.items() if it is not None}))
        side = kind.lower().replace("_", " ")
        if not keys:
            raise SignerAway(f"the token has no {side} with the name in {uri.text}")
        if len(keys) > 1:
            raise SignerAway(f"the token has several {side}s with the name in {uri.text}: add id=…")
        found = keys[0][Attribute.KEY_TYPE]
        if found != KeyType.EC_EDWARDS:
            raise SignerAway(f"{uri.text} is no ed25519 key, but {found.name}")
        return keys[0]

    def close(self) -> None:
        from pkcs11 import PKCS11Error

        self._found.clear()
        with suppress(PKCS11Error):
            self._session.close()


class _Module:
    """A library of PKCS#11 in this process. It has one session with each token, because a login counts for all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._logins: dict[tuple[str | None, str | None], _Login] = {}
        self._refused: dict[Path, str] = {}
        """PINs that a token refused. They are not tried again: most tokens lock themselves after a few attempts."""

    def use(self, uri: TokenUri, act: Callable[[_Login], bytes]) -> bytes:
        """Act in a session with a token; if that fails, once more in a new one, because the token may have been away.

        Raises:
            SignerAway: the token is missing, refuses the PIN, or failed.
        """
        with self._lock:
            try:
                return self._act(uri, act)
            except _WrongPin:
                raise
            except SignerAway:
                self._forget()
            return self._act(uri, act)

    def _act(self, uri: TokenUri, act: Callable[[_Login], bytes]) -> bytes:
        import pkcs11

        try:
            if (login := self._logins.get((uri.token, uri.serial))) is None:
                login = self._logins[uri.token, uri.serial] = _Login(self._opened(uri))
            return act(login)
        except pkcs11.NoSuchToken as error:
            name = uri.token or uri.serial
            raise SignerAway(f"there is no token {name} at {self._path}: is it plugged in?") from error
        except pkcs11.MultipleTokensReturned as error:
            raise SignerAway(f"several tokens are named {uri.token}: add serial=… to {uri.text}") from error
        except pkcs11.PinLocked as error:
            raise _WrongPin(f"the PIN of the token {uri.token or uri.serial} is locked: unlock it") from error
        except pkcs11.MechanismInvalid as error:
            raise SignerAway(f"the token of {uri.text} does not sign with EdDSA") from error
        except (pkcs11.PKCS11Error, RuntimeError) as error:
            reason = f"{type(error).__name__}: {error}".removesuffix(": ")
            raise SignerAway(f"the token of {uri.text} failed: {reason}") from error

    def _opened(self, uri: TokenUri) -> Session:
        import pkcs11

        pin = _pin(uri)
        if self._refused.get(uri.pin_file) == pin:
            raise _WrongPin(f"the token refused the PIN in {uri.pin_file}, which is not tried again: correct the file")
        wanted = {"token_label": uri.token, "token_serial": uri.serial.encode() if uri.serial else None}
        token = pkcs11.lib(str(self._path)).get_token(**{name: it for name, it in wanted.items() if it is not None})
        try:
            return token.open(user_pin=pin)
        except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange) as error:
            self._refused[uri.pin_file] = pin
            raise _WrongPin(f"the PIN in {uri.pin_file} is wrong") from error

    def _forget(self) -> None:
        """Close all sessions, and load the library again, which then sees tokens that came back."""
        import pkcs11

        for login in self._logins.values():
            login.close()
        self._logins.clear()
        with suppress(pkcs11.PKCS11Error):  # the next use says why
            pkcs11.lib(str(self._path)).reinitialize()


_modules: dict[Path, _Module] = {}


def _module(path: Path) -> _Module:
    return _modules.setdefault(path, _Module(path))


def _pin(uri: TokenUri) -> str:
    try:
        if uri.pin_file.stat().st_mode & 0o077:
            raise SignerAway(f"{uri.pin_file} can be read by others: run `chmod 600 {uri.pin_file}`")
        return uri.pin_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SignerAway(f"the PIN in {uri.pin_file} cannot be read: {reason}") from error
