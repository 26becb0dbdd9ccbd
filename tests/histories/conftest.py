"""Recordings of older versions; each test runs on every recording, with and without unknown types in between."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from queuebit_contracts.subjects import parse
from queuebit_runtime.log import Stored
from queuebit_runtime.stored import Message, event_in

HERE = Path(__file__).parent
VERSIONS = sorted(path.parent.name for path in HERE.glob("*/log.jsonl"))


@dataclass(frozen=True)
class Recorded:
    """A stream `LOG` of an older version, and the state that this version computed."""

    folder: Path
    messages: tuple[Message, ...]

    @property
    def stored(self) -> list[Stored]:
        return [event_in(it) for it in self.messages]

    @property
    def histories(self) -> dict[tuple[str, str], list[Stored]]:
        """The events of each job, by tenant and job."""
        found: dict[tuple[str, str], list[Stored]] = {}
        for it in self.stored:
            address = parse(it.subject)
            if address.noun == "job":
                found.setdefault((address.tenant, address.id), []).append(it)
        return found

    def view(self, name: str) -> Any:  # any JSON
        return json.loads((self.folder / "views" / f"{name}.json").read_text())

    def in_home(self, path: str) -> bytes:
        """A file of the recorded home."""
        with tarfile.open(self.folder / "home.tar.xz") as home:
            file = home.extractfile(f"./{path}")
            assert file is not None
            return file.read()


def _read(version: str) -> Iterator[Message]:
    for line in (HERE / version / "log.jsonl").read_text().splitlines():
        it = json.loads(line)
        yield Message(it["subject"], it["sequence"], datetime.fromisoformat(it["stored_at"]), it["body"].encode())


def _sprinkled(messages: Iterator[Message]) -> Iterator[Message]:
    """Add a message of a later version after each message: a new event, or a new major version of the same event."""
    for number, it in enumerate(messages):
        yield it
        document = json.loads(it.body)
        if number % 2:
            subject, document["type"] = it.subject, document["type"].replace(".v1", ".v9")
        else:
            subject, document["type"] = f"{it.subject}-later", document["type"].replace(".v1", "-later.v1")
        yield Message(subject, it.sequence, it.stored_at, json.dumps({**document, "data": {"of": "later"}}).encode())


@pytest.fixture(
    params=[(version, how) for version in VERSIONS for how in ("as recorded", "with unknown types")], ids=" ".join
)
def recorded(request: pytest.FixtureRequest) -> Recorded:
    version, how = request.param
    messages = _read(version) if how == "as recorded" else _sprinkled(_read(version))
    return Recorded(HERE / version, tuple(messages))
