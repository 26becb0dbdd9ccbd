"""Everything requires a login, also on a laptop, and secrets are only in their files."""

from __future__ import annotations

import asyncio
import json
import os
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from nats.aio.client import Client

from queuebit_contracts.topology import topology
from queuebit_contracts.wire import INLINE_LIMIT
from queuebit_runtime.keys import public_key
from queuebit_runtime.server_config import server_binary
from queuebit_runtime.view import Raw, View
from queuebit_secrets import default_file
from queuebit_stack.encryption import bus_store_key
from queuebit_stack.home import Home
from queuebit_testing.embedded import EmbeddedStack
from queuebit_testing.server import declared

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

SECRET = ("secrets", "credentials", "keys")
"""Folders of the home whose files are secrets."""


@dataclass
class Connected:
    """A connection, as a view wants it."""

    client: Client


@pytest.fixture
def secrets(stack: EmbeddedStack, tenant: str, circuits: Path) -> set[bytes]:
    """Every secret of the stack, after a tenant has used one."""
    stack.submit(str(circuits / "bell.qasm"), "--tenant", tenant)
    texts = [path.read_text().strip() for path in (stack.home / "secrets").iterdir()]
    texts += [tomllib.loads(path.read_text())["seed"] for path in (stack.home / "credentials").glob("*.toml")]
    texts += [
        read_text_of_master_key(),
        *json.loads((stack.home / "provenance" / "keys" / "keys.json").read_text())["seeds"].values(),
    ]
    assert len(texts) >= len(declared().service) + 4
    assert min(map(len, texts)) > 30
    return {text.encode() for text in texts}


def read_text_of_master_key() -> str:
    return default_file(os.environ).read_text().strip()


@pytest.fixture
def planted(stack: EmbeddedStack) -> set[bytes]:
    """Secrets that callers send where they belong, and where they do not: in an address, or to the wrong program."""
    texts = [f"planted-{kind}-{os.urandom(8).hex()}" for kind in ("token", "password", "address", "vendor", "vault")]
    token, password, address, vendor, vault = texts
    gateway, warehouse = stack.listens("gateway"), stack.listens("warehouse")
    for url, headers in (
        (f"{gateway}/v1/jobs?token={address}", {"Authorization": f"Bearer {token}"}),
        (f"{gateway}/v1/jobs", {"X-Vault-Token": vault, "Authorization": f"apiKey {vendor}"}),
        (f"{warehouse}/?query=SELECT+1&user=queuebit&password={password}", {}),
        (f"{warehouse}/?query=SELECT+1", {"X-ClickHouse-User": "queuebit", "X-ClickHouse-Key": password}),
    ):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20)
    return {text.encode() for text in texts}


def _processes(stack: EmbeddedStack) -> set[Path]:
    """The supervisor's, the services' and their children's folders under /proc."""
    supervisor = psutil.Process(json.loads((stack.home / "stack.json").read_text())["supervisor"]["pid"])
    return {Path("/proc") / str(it.pid) for it in (supervisor, *supervisor.children(recursive=True))}


def test_no_secret_is_an_argument_or_in_an_environment(stack: EmbeddedStack, secrets: set[bytes]) -> None:
    """Only nats-server has one, the key of its store, which it takes in no other way; its arguments have none."""
    store_key = bus_store_key(Home(stack.home)).encode()
    folders = _processes(stack)
    assert len(folders) > len(stack.names())
    for folder in folders:
        try:
            arguments, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError):  # it ended
            continue
        assert not any(secret in arguments + environment for secret in secrets), folder
        assert store_key not in arguments, folder
        assert (store_key in environment) is arguments.startswith(server_binary().encode()), folder


async def test_no_secret_is_in_an_event(stack: EmbeddedStack, secrets: set[bytes]) -> None:
    operator = await stack.connect("operator")
    seen = []

    def look(raw: Raw) -> None:
        seen.append(raw.subject)
        headers = json.dumps(raw.message.headers).encode()
        assert not any(secret in raw.body + headers for secret in secrets), raw.subject

    view = View(Connected(operator), "operator", topology().operator.view, look)
    reading = asyncio.ensure_future(view.run())
    await view.caught_up.wait()
    reading.cancel()
    await operator.close()
    assert any(subject.endswith(".sealed") for subject in seen)


def test_secrets_are_only_in_their_files_and_other_users_cannot_read_them(
    stack: EmbeddedStack, secrets: set[bytes]
) -> None:
    trust, log = stack.home / "trust.json", stack.home / "provenance" / "log"
    for path in stack.home.rglob("*"):
        try:
            mode = path.stat().st_mode & 0o777
            content = b"" if path.is_dir() or set(SECRET) & set(path.parts) else path.read_bytes()
        except FileNotFoundError:  # merged away or rotated meanwhile
            continue
        public = path == trust or path.is_relative_to(log)
        assert not mode & 0o077 or public, f"{path} has mode {mode:o}"
        assert not any(secret in content for secret in secrets), path
    assert stack.home.stat().st_mode & 0o777 == 0o700


def test_no_secret_is_in_a_log_a_span_or_a_row(
    stack: EmbeddedStack, secrets: set[bytes], planted: set[bytes], tenant: str, circuits: Path
) -> None:
    """Neither those of the stack nor what callers sent; files that are encrypted are read by the programs that can."""
    stack.submit(str(circuits / "bell.qasm"), "--tenant", tenant)
    texts = {path.name: path.read_bytes() for path in (stack.home / "logs").iterdir()}
    for table in ("otel_traces", "events"):
        texts[table] = _until(lambda: _rows(stack, table), lambda rows: tenant.encode() in rows)  # noqa: B023  # called at once
        assert len(texts[table].splitlines()) > 10
    everything = {*secrets, *planted}
    shown = [(name, secret) for name, text in texts.items() for secret in everything if secret in text]
    assert not shown


def _rows(stack: EmbeddedStack, table: str) -> bytes:
    """All rows of a table, as the analyst reads them."""
    password = (stack.home / "secrets" / "analyst.password").read_text().strip()
    headers = {"X-ClickHouse-User": "analyst", "X-ClickHouse-Key": password}
    asked = urllib.request.Request(
        stack.listens("warehouse"), data=f"SELECT * FROM {table} FORMAT JSONEachRow".encode(), headers=headers
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        content: bytes = answer.read()
    return content


def _until(read: Callable[[], bytes], good: Callable[[bytes], bool]) -> bytes:
    """What is read, once it is good."""
    deadline = time.monotonic() + 60
    while not good(content := read()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return content


def test_no_file_shows_a_circuit_its_parameters_or_its_counts(
    stack: EmbeddedStack, tenant: str, tmp_path: Path
) -> None:
    """Neither what rides in events nor what is too large for them, in the bus's store, the warehouse or a snapshot."""
    small, large = tmp_path / "small.qasm", tmp_path / "large.qasm"
    body = "qubit[2] planted_register; bit[2] c; rx(0.7391846253) planted_register[0]; c = measure planted_register;"
    small.write_text(f'OPENQASM 3.0; include "stdgates.inc"; {body}')
    large.write_text(small.read_text() + "\n" + "// planted_comment\n" * 2000)
    assert large.stat().st_size > INLINE_LIMIT
    for file in (small, large):
        (done,) = stack.submit(str(file), "--tenant", tenant, "--shots", "87654")
    counts = done["counts"]
    planted = [b"planted_register", b"planted_comment", b"0.7391846253"]
    planted += [f'"{state}": {number}'.encode() for state, number in counts.items()]
    planted += [f'"{state}":{number}'.encode() for state, number in counts.items()]
    assert sum(counts.values()) == 87654
    shown = []
    for path in stack.home.rglob("*"):
        with suppress(FileNotFoundError):  # merged away or rotated meanwhile
            if path.is_file() and any(it in (content := path.read_bytes()) for it in planted):
                shown.append((path.relative_to(stack.home), [it for it in planted if it in content]))
    assert not shown


async def test_every_service_is_a_user_of_its_own(stack: EmbeddedStack) -> None:
    keeper = await stack.connect("system")
    output = await keeper.request("$SYS.REQ.SERVER.PING.CONNZ", b'{"auth": true}', timeout=20)
    await keeper.close()
    users = {it["authorized_user"] for it in json.loads(output.data)["data"]["connections"]}
    own = {
        name: public_key((stack.home / "secrets" / f"{name}.seed").read_text().strip()) for name in declared().service
    }
    assert len(set(own.values())) == len(own)
    del own["prober"]  # it starts only in a stack with probes
    assert users >= set(own.values())


def test_the_bus_listens_for_clients_with_a_key_and_for_no_one_else(stack: EmbeddedStack) -> None:
    connections = psutil.Process(stack.pid("nats-server")).net_connections("tcp")
    (listening,) = (it.laddr for it in connections if it.status == psutil.CONN_LISTEN)
    assert tuple(listening) == ("127.0.0.1", int(stack.listens("nats-server").rpartition(":")[2]))


@pytest.mark.parametrize("name", ["operator", "demo/me"])
async def test_only_the_supervisor_can_query_the_monitor_of_the_server(stack: EmbeddedStack, name: str) -> None:
    refused: list[str] = []

    async def note(error: Exception) -> None:
        refused.append(str(error))

    client = await stack.connect(name, note)
    asked = ("PING.HEALTHZ", "PING.CONNZ", "PING.JSZ", "x.RELOAD")
    for what in asked:
        await client.publish(f"$SYS.REQ.SERVER.{what}")
    await client.flush()
    await client.flush()
    await client.close()
    assert len(refused) == len(asked)


@pytest.mark.parametrize("headers", [{}, {"X-ClickHouse-User": "queuebit", "X-ClickHouse-Key": "guess"}])
def test_the_warehouse_requires_its_password(stack: EmbeddedStack, headers: dict[str, str]) -> None:
    asked = urllib.request.Request(stack.listens("warehouse"), data=b"SELECT 1", headers=headers)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(asked, timeout=20)
    assert caught.value.code in (401, 403)
    assert caught.value.headers["X-ClickHouse-Exception-Code"] in ("516", "194", "192")
