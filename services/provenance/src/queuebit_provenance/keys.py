"""Opens the keys of the log, and gives every change of them its leaf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from queuebit_kernel import Clock, Stale, Unavailable
from queuebit_proof import KeyRing, KeysUnsafe, TrustRoot, open_envelope, read_signers, rotations
from queuebit_provenance.ledger import Ledger
from queuebit_provenance.settings import Settings
from queuebit_provenance.state import KeyChange
from queuebit_runtime.secrets import read_secret
from queuebit_secrets import vault_secret

__all__ = ["changes_in", "folder_of", "open_keys", "record_changes"]

_ATTEMPTS = 5


def folder_of(settings: Settings) -> Path:
    """Where the keys are."""
    return settings.data_dir / "keys"


def open_keys(settings: Settings, clock: Clock, environment: Mapping[str, str]) -> KeyRing:
    """Load the keys, or generate them.

    Raises:
        KeysUnsafe: they cannot be used; the text says why.
        SignerAway: a device that is to keep a new key does not answer.
        ValueError: the passphrase cannot be read.
    """
    return KeyRing.open(
        folder_of(settings),
        settings.origin,
        clock.now(),
        passphrase=_passphrase(settings, environment),
        profile=settings.profile,
        signers=read_signers(settings.signers_file) if settings.signers_file else None,
    )


def changes_in(folder: Path, trust: TrustRoot) -> list[KeyChange]:
    """The changes of keys in a folder, oldest first.

    Raises:
        EnvelopeInvalid: the statement about one is damaged.
    """
    profiles = dict(enumerate((str(it.profile) for it in trust.generations), start=1))
    return [
        KeyChange(version, profiles[version], envelope, open_envelope(envelope, trust).payload)
        for version, envelope in rotations(folder).items()
    ]


async def record_changes(ledger: Ledger, changes: Sequence[KeyChange]) -> None:
    """Give changes of keys their leaves, those that have none.

    Raises:
        LogRefused: the log cannot be continued, or the clock is wrong.
        Unavailable: another process was faster each time, or the log does not answer.
    """
    for change in changes:
        await _record(ledger, change)


async def _record(ledger: Ledger, change: KeyChange) -> None:
    for _ in range(_ATTEMPTS):
        try:
            await ledger.record(change)
        except Stale:
            continue
        return
    raise Unavailable(f"the change of keys to version {change.version} has no place in the log: it moves too fast")


def _passphrase(settings: Settings, environment: Mapping[str, str]) -> bytes | None:
    if settings.passphrase_file and settings.passphrase_vault:
        raise ValueError("the passphrase of the keys is in a file or in Vault: set one of them")
    try:
        if settings.passphrase_file:
            return read_secret(settings.passphrase_file).encode()
        if settings.passphrase_vault:
            return vault_secret(settings.passphrase_vault, environment).encode()
    except OSError as error:
        raise KeysUnsafe(f"the passphrase of the keys cannot be read: {error}") from error
    return None
