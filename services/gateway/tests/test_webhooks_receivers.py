"""The receivers of the guide run, take what is signed, and refuse what is not."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
import time
from pathlib import Path

import pytest

from queuebit_contracts.webhook import message_id
from queuebit_gateway.webhooks.records import Webhook
from queuebit_gateway.webhooks.sending import Sender
from queuebit_gateway.webhooks.signing import Signing
from queuebit_kernel import SystemClock
from queuebit_runtime.keys import new_seed
from queuebit_testing.server import free_port

pytestmark = pytest.mark.server

GUIDE = Path(__file__).parents[3] / "docs" / "webhooks.md"
WEBHOOK = Webhook(
    id="wh_1", tenant="acme", slot=1, url="https://example.com/", created_at=0, created_by="ann", position=0
)
EVENT = b'{"specversion":"1.0","type":"qb.job.completed.v1","data":{"job":"j1"}}'
NODE = shutil.which("node")


@pytest.mark.parametrize(
    ("language", "program"),
    [
        ("python", sys.executable),
        pytest.param("js", NODE, marks=pytest.mark.skipif(NODE is None, reason="node is not installed here")),
    ],
)
async def test_a_receiver_of_the_guide_takes_signed_events_once(tmp_path: Path, language: str, program: str) -> None:
    (code,) = re.findall(rf"```{language}\n(.+?)```", GUIDE.read_text(), re.DOTALL)
    source, port, signing = (
        tmp_path / f"receiver.{'mjs' if language == 'js' else 'py'}",
        free_port(),
        Signing(new_seed()),
    )
    source.write_text(code)
    environment = {
        **os.environ,
        "PORT": str(port),
        "WEBHOOK_SECRET": signing.secret(WEBHOOK),
        "WEBHOOK_KEYS": json.dumps({"keys": [signing.jwk]}),
    }
    receiver = await asyncio.create_subprocess_exec(
        program, str(source), env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    sender, url = Sender(("127.0.0.1",), SystemClock()), f"http://127.0.0.1:{port}/"

    async def post(body: bytes, signed: bytes, at: float) -> int | None:
        headers = signing.headers(WEBHOOK, message_id(7, signed), int(at), signed)
        return (await sender.post(url, headers, body)).status

    try:
        async with asyncio.timeout(20):
            while await post(EVENT, EVENT, time.time()) is None:
                await asyncio.sleep(0.05)
        assert await post(EVENT, EVENT, time.time()) == 204
        assert await post(EVENT + b" ", EVENT, time.time()) == 401
        assert await post(EVENT, EVENT, time.time() - 400) == 401
    finally:
        receiver.kill()
        printed, _ = await receiver.communicate()
    assert printed.count(b"qb.job.completed.v1") == 1
