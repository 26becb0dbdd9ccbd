"""The broker lists the named circuits of a tenant."""

from __future__ import annotations

from queuebit_broker.answers import Answers
from queuebit_broker.profiles import Profiles
from queuebit_contracts.circuits import CircuitEntry
from queuebit_contracts.directory import Directory
from queuebit_contracts.query import Question

from .broker_office import Office


async def test_versions_are_listed_by_name_with_the_newest_first() -> None:
    office = Office()
    document = office.world.directory.document()
    circuits = {
        key: CircuitEntry(digest="sha256:" + "a" * 64, size=9, owner="ann", parameters=("theta",), state="released")
        for key in ("vqe@2", "ansatz@1", "vqe@10")
    }
    acme = document.tenant["acme"].model_copy(update={"circuit": circuits})
    office.world.directory = Directory(document.model_copy(update={"tenant": {**document.tenant, "acme": acme}}))
    answers = Answers(office.world, Profiles(office.executors, office.world), office.tariff, office.clock, 1000)
    rows = (await answers.circuits("acme", Question())).rows
    assert [(it["circuit"], it["version"]) for it in rows] == [("ansatz", 1), ("vqe", 10), ("vqe", 2)]
    assert rows[0] == {
        "circuit": "ansatz", "version": 1, "digest": "sha256:" + "a" * 64, "size": 9, "owner": "ann",
        "media_type": "text/x-openqasm", "parameters": ["theta"], "state": "released",
    }  # fmt: skip
    assert len((await answers.circuits("acme", Question(limit=1))).rows) == 1
    assert (await answers.circuits("evil", Question())).rows == ()
