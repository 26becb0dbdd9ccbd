"""The public names of the SDK, and the client without `await`."""

import inspect

import pytest

import queuebit
from queuebit import (
    AsyncClient,
    AsyncJob,
    AsyncSession,
    Client,
    Credential,
    InvalidInput,
    Job,
    Session,
)
from queuebit_contracts.topology import inbox_of

from .fake_bus import BELL, FakeBus, runs


def test_the_sync_client_says_the_same_words(ann: Credential) -> None:
    with Client(ann, transport=FakeBus(runs)) as client:
        job = client.submit(BELL, key="k")
        assert job.result(timeout=20).counts == {"00": 480, "11": 520}
        assert job.future(timeout=20).result() == job.result()
        assert client.job(job.id).status().state == "completed"


def test_a_closed_client_says_so(ann: Credential) -> None:
    with Client(ann, transport=FakeBus(runs)) as client:
        job = client.submit(BELL, key="k")
    client.close()
    for call in (client.jobs, job.status):
        with pytest.raises(InvalidInput, match="this client is closed"):
            call()


@pytest.mark.parametrize(("sync", "awaited"), [(Client, AsyncClient), (Job, AsyncJob), (Session, AsyncSession)])
def test_both_clients_take_the_same_words(sync: type, awaited: type) -> None:
    def words(kind: type) -> dict[str, list[tuple[str, object]]]:
        calls = {name: it for name, it in vars(kind).items() if inspect.isfunction(it) and not name.startswith("_")}
        return {
            name: [(it.name, it.default) for it in inspect.signature(call).parameters.values()]
            for name, call in calls.items()
            # the client's word to its job, not a person's; and what a program with a loop of asyncio has no need of
            if name not in ("was_submitted", "future")
        }

    assert words(sync) == words(awaited)


def test_what_follows_is_iterated(ann: Credential) -> None:
    bus = FakeBus(runs)
    with Client(ann, transport=bus) as client:
        job = client.submit(BELL, key="k")
        seen = []
        for step in job.steps():
            seen.append(step.event)
            if step.event == "completed":
                break
        assert (seen[0], seen[-1]) == ("submitted", "completed")
        assert job.until(("completed",), 2).type == "qb.job.completed.v1"


def test_every_exported_name_loads() -> None:
    assert sorted(queuebit.__all__) == queuebit.__all__
    for name in queuebit.__all__:
        assert getattr(queuebit, name) is not None
    with pytest.raises(AttributeError):
        queuebit.nothing  # noqa: B018


def test_a_credential_shows_no_seed_and_names_its_inbox(ann: Credential) -> None:
    assert ann.seed not in repr(ann)
    assert ann.inbox == inbox_of("ann", "acme")
