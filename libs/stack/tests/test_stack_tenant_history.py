"""What the facts of a tenant tell of its changes."""

from __future__ import annotations

import json

from queuebit.transport import Reply
from queuebit_contracts.directory import Directory, changes
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.tenants import Tenants, parse_tenants
from queuebit_stack.tenant_history import changes_of


class Log:
    """Messages as a server hands them out one by one."""

    def __init__(self, messages: list[tuple[str, bytes]]) -> None:
        self.messages = messages

    async def request(self, subject: str, body: bytes) -> Reply:
        assert subject == "$JS.API.DIRECT.GET.LOG"
        wanted = json.loads(body)
        prefix = wanted["next_by_subj"].removesuffix(">")
        for sequence, (where, message) in enumerate(self.messages, start=1):
            if sequence >= wanted["seq"] and where.startswith(prefix):
                stored_at = f"2026-01-01T00:00:0{sequence}.305392339Z"
                headers = {"Nats-Sequence": str(sequence), "Nats-Subject": where, "Nats-Time-Stamp": stored_at}
                return Reply(message, headers)
        return Reply(b"", {"Status": "404"})


def _messages(*documents: Tenants) -> list[tuple[str, bytes]]:
    directory, found = Directory(), []
    for number, document in enumerate(documents):
        for event in changes(directory, document, f"ops{number}"):
            directory.take(event)
            found.append((subject_of(event), event.to_bytes()))
    return found


async def test_each_change_says_what_was_and_what_is() -> None:
    log = Log(
        _messages(
            parse_tenants('[tenant.acme.user.ann]\nrole = "viewer"\n[tenant.evil]\n'),
            parse_tenants('[tenant.acme]\nshare = 3\n[tenant.acme.user.ann]\nrole = "admin"\n[tenant.evil]\n'),
            parse_tenants('removed = ["acme"]\n[tenant.evil]\n'),
        )
    )
    rows = await changes_of(log, "acme")
    assert [(row["by"], row["what"]) for row in rows] == [
        ("ops0", "tenant defined"),
        ("ops0", "user ann defined"),
        ("ops1", "tenant defined"),
        ("ops1", "user ann defined"),
        ("ops2", "tenant removed"),
    ]
    assert rows[0]["at"] == "2026-01-01T00:00:01.305392Z"
    assert rows[2]["changed"] == {"share": [1, 3]}
    assert rows[3]["changed"] == {"role": ["viewer", "admin"]}


async def test_what_cannot_be_read_is_listed_without_its_content() -> None:
    later = b'{"type": "qb.tenant.praised.v1", "data": {}}'
    log = Log([("qb.tenant.acme.praised", later), ("qb.tenant.acme.defined", b"nonsense")])
    rows = await changes_of(log, "acme")
    assert [(row["what"], row["by"], row["changed"]) for row in rows] == [
        ("tenant praised", "", {}),
        ("tenant defined", "", {}),
    ]
