"""Values that a client refuses before it sends them, and how it writes those that it sends."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from queuebit import (
    AsyncClient,
    Credential,
    InvalidInput,
    Refused,
    Reply,
)
from queuebit_contracts.wire import Amount

from .fake_bus import BELL, FakeBus, runs, submitted_in


class Full(FakeBus):
    """Has other content under every digest."""

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        if subject.startswith("$KV."):
            self.asked.append((subject, body))
            return Reply(b'{"error":{"err_code":90003,"description":"other content is stored"}}')
        return await super().request(subject, body, headers, timeout=timeout)


async def test_a_payload_that_can_never_be_stored_is_refused_at_once(ann: Credential) -> None:
    bus = Full()
    async with AsyncClient(ann, transport=bus) as client:
        with pytest.raises(Refused, match="other content is stored") as refused:
            await client.submit(BELL + "// long\n" * 3_000)
    assert [reason.code for reason in refused.value.reasons] == ["other_content"]
    assert len(bus.asked) == 1


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("absent.qasm", None, "no file"),
        ("empty.qasm", b" \n", "is empty"),
        ("binary.qasm", b"\x7fELF\x00\x01", "binary"),
        ("latin.qasm", b"// caf\xe9", "not text"),
        ("huge.qasm", b"//" + b"x" * (1 << 20), "1 MiB"),
    ],
)
async def test_a_file_that_cannot_be_a_circuit_is_never_sent(
    ann: Credential, tmp_path: Path, name: str, content: bytes | None, complaint: str
) -> None:
    bus = FakeBus()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    async with AsyncClient(ann, transport=bus) as client:
        with pytest.raises(InvalidInput, match=complaint):
            await client.submit(tmp_path / name)
    assert bus.asked == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"backend": "AER!"},
        {"key": ""},
        {"label": "a\033[8m"},
        {"purpose": "p" * 201},
        {"seed": -1},
        {"shots": 2**60},
        {"project": "a.b"},
    ],
)
async def test_a_value_that_cannot_be_sent_is_named(ann: Credential, wrong: dict[str, Any]) -> None:
    async with AsyncClient(ann, transport=FakeBus()) as client:
        with pytest.raises(InvalidInput, match=next(iter(wrong))):
            await client.submit(BELL, **wrong)


async def test_a_backend_in_capital_letters_is_the_same_backend(ann: Credential) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        await client.submit(BELL, backend="AER")
    assert submitted_in(bus).data.backend == "aer"


async def test_a_number_is_taken_as_the_most_a_job_may_cost(ann: Credential) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        await client.submit(BELL, max_cost=0.1)
    assert submitted_in(bus).data.max_cost == Amount(amount="0.10")


@pytest.mark.parametrize("circuit", [None, [BELL], 7])
async def test_what_is_no_circuit_is_refused_before_anything_is_sent(ann: Credential, circuit: Any) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        for ask in (client.submit, client.plan):
            with pytest.raises(InvalidInput, match=r"give OpenQASM|give Batch"):
                await ask(circuit)
    assert bus.asked == []


@pytest.mark.parametrize("limit", [0, 100_000_000, "many"])
async def test_a_wrong_limit_is_reported_before_it_is_asked(ann: Credential, limit: Any) -> None:
    async with AsyncClient(ann, transport=FakeBus()) as client:
        with pytest.raises(InvalidInput, match="limit must be a whole number from 1 to 10,000"):
            await client.jobs(limit=limit)


async def test_an_id_that_no_job_has_is_reported_in_plain_words(ann: Credential) -> None:
    async with AsyncClient(ann, transport=FakeBus()) as client:
        for wrong in ("a b", "J" * 21, "a>b"):
            with pytest.raises(InvalidInput, match="is not a plain name"):
                client.job(wrong)


async def test_an_amount_may_be_a_text_and_nonsense_is_reported(ann: Credential) -> None:
    bus = FakeBus(runs)
    async with AsyncClient(ann, transport=bus) as client:
        await client.submit(BELL, max_cost="1.50")
        assert submitted_in(bus).data.max_cost == Amount(amount="1.50")
        for nonsense in ("lots", "", "1e400"):
            with pytest.raises(InvalidInput, match="max_cost"):
                await client.submit(BELL, max_cost=nonsense)


async def test_the_name_of_a_file_is_no_source(ann: Credential) -> None:
    async with AsyncClient(ann, transport=FakeBus()) as client:
        with pytest.raises(InvalidInput, match=r"give Path\('bell.qasm'\)"):
            await client.submit("bell.qasm")
