"""What receivers get: checked by programs we did not write, and by receivers that hang, fail and forget."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from standardwebhooks.webhooks import Webhook

from queuebit_alerting.adapters import SecretFiles, posts_to
from queuebit_alerting.payloads import Request
from queuebit_alerting.sending import PAUSES_S, Post, SendNotifications
from queuebit_contracts.alert_documents import Alerts, Receiver, Route
from queuebit_contracts.alerts import AlertDelivered
from queuebit_kernel import SystemClock
from queuebit_runtime.outbound import Response

from .alerting_world import Process, World

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoaXJ0eS10d28gYnl0ZXMh"
HOOK = Receiver(kind="webhook", url="https://example.com/hook", secret="hook")
QUICK = (0, *([0.001] * 10))

PAGERDUTY = {
    "type": "object",
    "required": ["routing_key", "event_action"],
    "additionalProperties": False,
    "properties": {
        "routing_key": {"type": "string", "minLength": 32, "maxLength": 32},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "maxLength": 255},
        "client": {"type": "string"},
        "links": {"type": "array", "items": {"type": "object", "required": ["href"]}},
        "payload": {
            "type": "object",
            "required": ["summary", "source", "severity"],
            "additionalProperties": False,
            "properties": {
                "summary": {"type": "string", "minLength": 1, "maxLength": 1024},
                "source": {"type": "string", "minLength": 1},
                "severity": {"enum": ["critical", "error", "warning", "info"]},
                "timestamp": {"type": "string", "format": "date-time"},
                "component": {"type": "string"},
                "group": {"type": "string"},
                "class": {"type": "string"},
                "custom_details": {"type": "object"},
            },
        },
    },
    "if": {"properties": {"event_action": {"const": "trigger"}}},
    "then": {"required": ["payload"]},
}
"""As PagerDuty documents Events API v2, with nothing that it does not name."""


@pytest.fixture
def secrets(tmp_path: Path) -> SecretFiles:
    for name, text in (("hook", SECRET), ("pager", "0123456789abcdef0123456789abcdef"), ("bad", "whsec_%%%")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return SecretFiles(tmp_path)


def world(**receivers: Receiver) -> World:
    routes = {name: Route(receivers=(name,)) for name in receivers}
    return World(Alerts(resolve_after_s=0, group_interval_s=0, receiver=receivers, route=routes))


def sender(it: World, process: Process, post: Post, secrets: SecretFiles) -> SendNotifications:
    return SendNotifications(
        it.log,
        process.book,
        process.follows,
        it.documents,
        post,
        secrets,
        SystemClock(),
        leads=lambda: True,
        pauses=QUICK,
    )


@asynccontextmanager
async def running(sending: SendNotifications) -> AsyncIterator[None]:
    task = asyncio.ensure_future(sending.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


class Inbox:
    """A receiver: answers as it is asked to, and keeps what it got."""

    def __init__(self, *answers: int | float) -> None:
        self.answers = list(answers)
        self.got: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.got.append(request)
        answer = self.answers.pop(0) if self.answers else 202
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            raise OSError("no answer within 10 s")
        return Response(answer, {}, b"")


def to(**inboxes: Inbox) -> Post:
    """One receiver for each host."""

    async def post(request: Request) -> Response:
        host = request.url.split("/")[2].split(".")[0]
        return await inboxes[host](request)

    return post


def delivered(it: World) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for event in it.log.events(AlertDelivered):
        found.setdefault(event.data.receiver, []).append(event.data.outcome)
    return found


async def test_standard_webhooks_own_library_accepts_the_signature(secrets: SecretFiles) -> None:
    it, inbox = world(hook=HOOK), Inbox()
    await it.of(one=True)
    async with running(sender(it, Process(it), inbox, secrets)):
        await until(lambda: bool(delivered(it)))
    (got,) = inbox.got
    payload: Any = Webhook(SECRET).verify(got.body, dict(got.headers))
    assert payload["type"] == "alert.firing"
    assert payload["data"]["id"] == got.headers["webhook-id"]
    assert payload["data"]["alerts"][0]["annotations"]["summary"] == "one is wrong"


async def test_pagerduty_gets_what_it_documents_and_one_key_for_a_group(secrets: SecretFiles) -> None:
    it, inbox = world(pager=Receiver(kind="pagerduty", secret="pager")), Inbox()
    await it.of(one=True, two=True)
    await it.of(three=True)
    await it.of(one=False, two=False, three=False)
    async with running(sender(it, Process(it), inbox, secrets)):
        await until(lambda: len(delivered(it).get("pager", ())) == 3)
    events = [json.loads(request.body) for request in inbox.got]
    for event in events:
        Draft202012Validator(PAGERDUTY, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(event)
    assert [event["event_action"] for event in events] == ["trigger", "trigger", "resolve"]
    assert len({event["dedup_key"] for event in events}) == 1
    assert events[0]["payload"]["severity"] == "critical"


async def test_a_receiver_that_hangs_and_one_that_fails_delay_no_other(secrets: SecretFiles) -> None:
    hosts = {name: Receiver(kind="alertmanager", url=f"https://{name}.example") for name in ("slow", "broken", "good")}
    it = world(**hosts)
    slow, broken, good = Inbox(*[60.0] * 5), Inbox(*[500] * 6), Inbox()
    await it.of(one=True)
    await it.of(one=False)
    sending = sender(it, Process(it), to(slow=slow, broken=broken, good=good), secrets)
    async with running(sending):
        await until(lambda: delivered(it).get("good") == ["delivered"] * 2)
        await until(lambda: delivered(it).get("broken") == ["delivered"] * 2)
    assert len(broken.got) == 8, "six failures, then both in order"
    assert "slow" not in delivered(it)


async def test_tries_go_on_for_a_day_and_pauses_grow() -> None:
    assert 86_000 < sum(PAUSES_S) < 92_000
    assert list(PAUSES_S) == sorted(PAUSES_S)


async def test_a_webhook_that_answers_500_or_hangs_for_an_hour_gets_each_notification_once(
    secrets: SecretFiles,
) -> None:
    tries = sum(sum(PAUSES_S[: it + 1]) <= 3600 for it in range(len(PAUSES_S)))
    it, inbox = world(hook=HOOK), Inbox(*[500 if at % 2 else 0.0 for at in range(tries)])
    await it.of(one=True)
    process = Process(it)
    sending = SendNotifications(
        it.log, process.book, process.follows, it.documents, inbox, secrets, SystemClock(),
        leads=lambda: True, pauses=(0, *([0.001] * len(PAUSES_S))),
    )  # fmt: skip
    async with running(sending):
        await until(lambda: delivered(it).get("hook") == ["delivered"])
        assert tries > 60
        assert len(inbox.got) == tries + 1
        assert len({request.headers["webhook-id"] for request in inbox.got}) == 1, "a receiver that honours ids has one"
        assert sending.failing == {}


async def test_a_request_that_is_wrong_is_given_up_and_the_next_is_sent(secrets: SecretFiles) -> None:
    it, inbox = world(hook=HOOK), Inbox(400, 400, 400)
    await it.of(one=True)
    await it.of(one=False)
    async with running(sender(it, Process(it), inbox, secrets)):
        await until(lambda: delivered(it).get("hook") == ["given_up", "delivered"])
    first = it.log.events(AlertDelivered)[0].data
    assert (first.tries, first.status) == (3, 400)


async def test_a_repeat_after_a_crash_has_the_same_id(secrets: SecretFiles) -> None:
    """It is killed after the receiver had it, and before that was stored; two processes at once are the same case."""
    it, inbox = world(hook=HOOK), Inbox()
    await it.of(one=True)

    async def dies(request: Request) -> Response:
        await inbox(request)
        raise asyncio.CancelledError

    async with running(sender(it, Process(it), dies, secrets)):
        await until(lambda: len(inbox.got) == 1)
    first, second = (sender(it, Process(it), inbox, secrets) for _ in range(2))
    async with running(first), running(second):
        await until(lambda: bool(delivered(it)))
        await asyncio.sleep(0.5)
    assert len({request.headers["webhook-id"] for request in inbox.got}) == 1
    assert len(it.log.events(AlertDelivered)) == 1


@pytest.mark.parametrize(("name", "text"), [("absent", "cannot be read"), ("bad", "whsec_")])
async def test_a_secret_that_is_missing_or_malformed_is_an_error_with_its_file(
    secrets: SecretFiles, name: str, text: str
) -> None:
    it = world(hook=Receiver(kind="webhook", url="https://example.com", secret=name))
    outcome = await sender(it, Process(it), Inbox(), secrets).test("hook")
    assert not outcome.delivered
    assert text in (outcome.error or "")


@pytest.mark.parametrize("kind", ["alertmanager", "alertmanager-webhook", "pagerduty", "webhook"])
async def test_a_test_message_of_each_kind(secrets: SecretFiles, kind: str) -> None:
    receiver = Receiver.model_validate({"kind": kind, "url": "https://example.com", "secret": "pager"})
    inbox = Inbox()
    it = world(one=receiver.model_copy(update={"secret": "pager" if kind == "pagerduty" else "hook"}))
    outcome = await sender(it, Process(it), inbox, secrets).test("one")
    assert outcome.delivered
    assert b"test" in inbox.got[0].body.lower()
    if kind == "pagerduty":
        Draft202012Validator(PAGERDUTY).validate(json.loads(inbox.got[0].body))


async def test_webhook_payload_version_4(secrets: SecretFiles) -> None:
    """The fields, and their types, of Alertmanager's `template.Data` and `webhook.Message`."""
    it, inbox = world(v4=Receiver(kind="alertmanager-webhook", url="https://example.com")), Inbox()
    await it.of(one=True, two=True)
    async with running(sender(it, Process(it), inbox, secrets)):
        await until(lambda: bool(delivered(it)))
    message = json.loads(inbox.got[0].body)
    texts = {"version", "groupKey", "status", "receiver", "externalURL", "notification_reason"}
    tables = {"groupLabels", "commonLabels", "commonAnnotations"}
    assert message.keys() == texts | tables | {"truncatedAlerts", "alerts"}
    assert all(isinstance(message[name], str) for name in texts)
    assert all(isinstance(message[name], dict) for name in tables)
    assert message["commonLabels"] == {"severity": "page", "backend": "torino"}
    fields = {"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"}
    assert all(alert.keys() == fields for alert in message["alerts"])


@pytest.fixture
async def alertmanager(tmp_path: Path) -> AsyncIterator[str]:
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        pytest.skip("no Alertmanager: apt-get install prometheus-alertmanager")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    config = tmp_path / "alertmanager.yml"
    config.write_text("route: {receiver: none}\nreceivers: [{name: none}]\ntemplates: []\n")
    arguments = (f"--config.file={config}", f"--storage.path={tmp_path}", f"--web.listen-address={address}")
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([program, *arguments, "--cluster.listen-address="], stdout=log, stderr=log)
    try:
        await until(lambda: _is_ready(address) or process.poll() is not None)
        assert process.poll() is None, (tmp_path / "log").read_text()[-800:]
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait()


def _is_ready(address: str) -> bool:
    try:
        return bool(urllib.request.urlopen(f"http://{address}/-/ready", timeout=1).status == 200)
    except OSError:
        return False


def _shown(base: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = json.load(urllib.request.urlopen(f"{base}/api/v2/alerts", timeout=5))
    return found


@pytest.mark.server
async def test_a_real_alertmanager_shows_what_fires_and_no_longer_what_ended(
    alertmanager: str, secrets: SecretFiles
) -> None:
    it = world(am=Receiver(kind="alertmanager", url=alertmanager))
    it.clock.wall = SystemClock().now()  # it compares with its own clock
    await it.of(one=True, two=True)
    process = Process(it)
    async with running(sender(it, process, posts_to(it.documents), secrets)):
        await until(lambda: delivered(it).get("am") == ["delivered"])
        shown = await asyncio.to_thread(_shown, alertmanager)
        assert {alert["labels"]["alertname"] for alert in shown} == {"one", "two"}
        assert all(alert["status"]["state"] in ("active", "unprocessed") for alert in shown)
        it.says = {"one": False}
        await process.round()
        await until(lambda: delivered(it).get("am") == ["delivered"] * 2)
        shown = await asyncio.to_thread(_shown, alertmanager)
        assert {alert["labels"]["alertname"] for alert in shown} == {"two"}
