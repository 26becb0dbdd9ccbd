"""Erasing: the fact first, then the contents; again after a crash; never under a legal hold."""

from __future__ import annotations

import pytest

from queuebit_broker.erasing import EraseContents
from queuebit_contracts.erasure import ErasedContent, EraseRequest, Erasure, PayloadsErased
from queuebit_contracts.tenant import TenantDefined, TenantDefinition
from queuebit_kernel import Unavailable, digest

from .broker_office import Office

CONTENTS = tuple(ErasedContent(digest=digest(it), size=len(it)) for it in (b"one", b"another"))
REQUEST = EraseRequest(
    erasure=Erasure(
        tenant="acme", erasure="e1", scope="user ada", contents=CONTENTS, reason="request 17", by="dpo"
    )
)  # fmt: skip


class Store:
    def __init__(self, most: int = 100) -> None:
        self.erased: list[str] = []
        self.most = most

    async def erase(self, tenant: str, digest: str, size: int) -> None:
        if len(self.erased) >= self.most:
            raise Unavailable("the payload store does not answer")
        self.erased.append(digest)


async def test_a_crash_between_fact_and_contents_is_completed_by_a_repetition(office: Office) -> None:
    store = Store(most=1)
    erase = EraseContents(office.log, office.follower, office.world, store)
    with pytest.raises(Unavailable):
        await erase(REQUEST)
    assert [it.data for it in office.log.events(PayloadsErased)] == [REQUEST.erasure], "missing contents have a reason"
    store.most = 100
    assert (await erase(REQUEST)).erased == 2
    assert {*store.erased} == {it.digest for it in CONTENTS}
    assert len(office.log.events(PayloadsErased)) == 1


async def test_nothing_is_erased_under_a_legal_hold(office: Office) -> None:
    tenants = office.world.directory.document()
    held = tenants.tenant["acme"].model_copy(update={"legal_hold": "case 4711"})
    office.world.directory = type(office.world.directory)(
        tenants.model_copy(update={"tenant": {**tenants.tenant, "acme": held}})
    )
    store = Store()
    answer = await EraseContents(office.log, office.follower, office.world, store)(REQUEST)
    assert [it.code for it in answer.errors] == ["legal_hold"]
    assert "case 4711" in answer.errors[0].text
    assert (store.erased, office.log.events(PayloadsErased)) == ([], [])


async def test_a_hold_that_another_broker_has_just_set_counts(office: Office) -> None:
    held = TenantDefinition(tenant="acme", max_shots=1000, max_active_jobs=10, legal_hold="case 4711", by="counsel")
    await office.log.append(TenantDefined(source="qb/broker", data=held))
    store = Store()
    answer = await EraseContents(office.log, office.follower, office.world, store)(REQUEST)
    assert ([it.code for it in answer.errors], store.erased) == (["legal_hold"], [])
