"""The page for people who write a service: what it declares is a topology, and what it runs is Python."""

import ast
import re
import tomllib
from pathlib import Path

from queuebit_contracts.topology import Topology, topology

PAGE = (Path(__file__).parents[2] / "docs" / "services.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_entries_on_the_page_give_a_service_its_durable_and_its_permissions() -> None:
    entries = tomllib.loads(block("toml"))
    known = topology().model_dump()
    ours = Topology.model_validate({**known, **{name: {**known[name], **entries[name]} for name in entries}})
    assert list(ours.durables_of("notify")) == ["notify-completed"]
    allowed = ours.service_permissions("notify")
    assert "qb.job.*.*.sealed" in allowed.subscribe
    assert not [subject for subject in allowed.publish if subject.startswith("qb.job.")]
    assert 'subscribes(router, "notify-completed"' in block("python")


def test_the_program_on_the_page_is_python() -> None:
    ast.parse(block("python"))


def test_the_page_names_every_permission() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE.partition("| key |")[2].partition("`make generate`")[0]))
    assert named >= {"appends", "view", "follows", "asks", "answers"}
