"""Checks the secrets of a home before services start: a service with a bad secret would restart again and again."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from queuebit_stack.containers import folder as containers_folder
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home

__all__ = ["require_passwords", "require_signing_keys"]


def require_passwords(home: Home) -> None:
    """Check the warehouse's passwords.

    Raises:
        Stop: one of them is damaged.
    """
    for path in (home.warehouse_password, home.analyst_password):
        if path.exists() and len(path.read_text(errors="replace").split()) != 1:
            raise Stop(Exit.USAGE, f"{path} is damaged: delete it, then {home.command('up')} creates a new one")


def require_signing_keys(home: Home) -> None:
    """Check the keys that sign receipts. They cannot be replaced: new keys cannot continue the log.

    Raises:
        Stop: they are damaged, missing, or differ from those in the trust document.
    """
    folder = _keys_folder(home)
    if not (folder.exists() or home.trust_file.exists()):
        return
    from queuebit_proof import KeysUnsafe, ProofFault, TrustRoot, read_public

    try:
        own = read_public(folder)
        published = TrustRoot.parse(home.trust_file.read_bytes()) if home.trust_file.exists() else own
    except KeysUnsafe as error:
        raise Stop(Exit.USAGE, f"no receipt can be signed: {error}\n{_no_keys(home)}") from error
    except ProofFault as error:
        copy = f"cp {quote(str(folder / home.trust_file.name))} {quote(str(home.trust_file))}"
        raise Stop(Exit.USAGE, f"{home.trust_file}: {error}\nif the keys were never changed: {copy}") from error
    if not set(own.keys) <= set(published.keys) and not own.succeeds(published):
        raise Stop(
            Exit.USAGE,
            f"no receipt can be signed: {home.trust_file} lists other keys than {folder}\n{_no_keys(home)}",
        )


def _keys_folder(home: Home) -> Path:
    """Containers have the data of provenance in a folder of their own."""
    in_containers = containers_folder(home) / home.provenance.name / "keys"
    return in_containers if in_containers.exists() else home.provenance / "keys"


def _no_keys(home: Home) -> str:
    return (
        "restore the folder of keys from a backup; without it, old receipts stay valid, but new receipts need a new "
        f"log: {home.command('recover --begin-anew')}"
    )
