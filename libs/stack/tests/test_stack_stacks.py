"""Which stacks a home serves, from what is installed and from `backends.toml`."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest

from queuebit_contracts.tenants import Tenants
from queuebit_contracts.topology import topology
from queuebit_stack import ports
from queuebit_stack.bootstrap import write_logins
from queuebit_stack.errors import Stop
from queuebit_stack.executors import FollowStacks
from queuebit_stack.home import Home
from queuebit_stack.stacks import Served, Stacks, find, home_topology, known, merge, read_config, save

AER = {"backends": ["aer"], "offers": ["aer"], "version": "a 1"}
ACME = {"backends": ["big", "small"], "offers": ["small"], "version": "acme 1"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    it = Home(tmp_path / "home")
    it.prepare()
    return it


def test_a_stack_offers_what_its_plugin_says() -> None:
    assert merge({"aer": AER, "acme": ACME}, {}, {}) == {
        "aer": Served(("aer",), {}, "a 1"),
        "acme": Served(("small",), {}, "acme 1"),
    }


def test_the_file_chooses_backends_and_what_their_executor_may_use(home: Home) -> None:
    home.backends_file.write_text(
        '[stack.acme]\nbackends = ["big"]\nslots = 4\nmemory_mb = 700\nenvironment = {ACME_URL = "http://acme"}\n'
        'control_groups = {big = "rack-2"}\n[stack.acme.specifications.big]\nreadout_error = 0.03\n'
    )
    served = merge({"acme": ACME}, read_config(home), {})["acme"]
    assert served.backends == ("big",)
    assert served.settings == {
        "ACME_URL": "http://acme",
        "QUEUEBIT_EXECUTOR_CONTROL_GROUPS": '{"big": "rack-2"}',
        "QUEUEBIT_EXECUTOR_MEMORY_MB": "700",
        "QUEUEBIT_EXECUTOR_PASSED": '["ACME_URL"]',
        "QUEUEBIT_EXECUTOR_SLOTS": "4",
        "QUEUEBIT_EXECUTOR_SPECIFICATIONS": '{"big": {"readout_error": 0.03}}',
    }


@pytest.mark.parametrize("text", ["[stack.acme", "[stack.acme]\nslots = 0", "[stack.acme]\nslot = 1", "[stacks.acme]"])
def test_a_file_that_breaks_its_rules_is_named(home: Home, text: str) -> None:
    home.backends_file.write_text(text)
    with pytest.raises(Stop, match=str(home.backends_file)):
        read_config(home)


def test_a_stack_that_is_removed_keeps_its_backends_and_does_not_run() -> None:
    before = merge({"aer": AER, "acme": ACME}, {}, {})
    now = Stacks(merge({"aer": AER}, {}, before))
    assert now.running.keys() == {"aer"}
    assert now.served["acme"].backends == ("small",)
    assert now.troubles == ["the stack acme is not installed any more: install it again, its jobs wait for it"]
    again = merge({"aer": AER, "acme": {**ACME, "version": "acme 2"}}, {}, now.served)
    assert again["acme"] == Served(("small",), {}, "acme 2")


@pytest.mark.parametrize(
    ("entry", "config", "why"),
    [
        ({"error": "no module acme"}, "", "does not work: no module acme"),
        (ACME, "enabled = false", "is switched off"),
        (ACME, 'backends = ["huge"]', "has no backend huge, which backends.toml names; it has big, small"),
        (
            {**ACME, "offers": ["aer"]},
            "",
            "cannot be served: the stack acme cannot offer the backend aer, because the stack aer already offers",
        ),
        ({**ACME, "offers": ["a.b"]}, "", "cannot be served: backend 'a.b' is not a plain name"),
        (None, "slots = 2", "is named in backends.toml and not installed"),
        ({**ACME, "absent": "no GPU"}, "", "is absent: no GPU"),
    ],
    ids=["broken", "off", "a stranger", "a claim on another's backend", "a bad name", "not installed", "absent"],
)
def test_a_stack_that_cannot_run_says_why_and_stops_no_other(
    home: Home, entry: dict[str, object] | None, config: str, why: str
) -> None:
    home.backends_file.write_text(f"[stack.acme]\n{config}\n")
    listed = {"aer": AER} | ({} if entry is None else {"acme": entry})
    now = merge(listed, read_config(home), {"aer": Served(("aer",))})
    assert why in now["acme"].trouble
    assert not now["aer"].trouble


def test_an_absent_stack_is_asked_again_at_a_start_only(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver is no Python package, so that its installation is not noticed; to ask may import an SDK each time."""
    listed: list[dict[str, dict[str, object]]] = [{"acme": {**ACME, "absent": "no GPU"}}, {"acme": {**ACME}}]
    monkeypatch.setattr("queuebit_stack.stacks._listed", lambda: listed.pop(0))
    save(home, find(home))
    assert (known(home).running, home_topology(home).durables_of("executor-acme")) == ({}, {})
    assert find(home).troubles == ["the stack acme is absent: no GPU"]
    started = find(home, starting=True)
    assert ([*started.running], listed) == (["acme"], [])
    save(home, started)
    assert find(home, starting=True) == started


def test_a_plugin_that_answers_too_late_once_keeps_running_and_is_asked_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine all executors were ended, those of built-in stacks too, and nothing was asked again."""
    late = {"error": "the import of its module took longer than 30 s", "slow": True}
    listed: list[dict[str, dict[str, object]]] = [{"acme": {**ACME}}, {"acme": late, "new": late}, {"acme": {**ACME}}]
    monkeypatch.setattr("queuebit_stack.stacks._listed", lambda: listed.pop(0))
    save(home, Stacks(find(home).served, "before"))
    busy = find(home)
    assert ([*busy.running], busy.seen) == (["acme"], "")
    assert "took longer" in busy.served["new"].trouble
    save(home, busy)
    assert find(home).seen
    assert listed == []


def test_a_plugin_that_answers_too_late_is_asked_again_after_a_while(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Home] = []

    def find_late(home: Home) -> Stacks:
        asked.append(home)
        return Stacks({"acme": Served(trouble="is late")})

    monkeypatch.setattr("queuebit_stack.executors.find", find_late)
    monkeypatch.setattr("queuebit_stack.executors._AGAIN_S", 3_600)
    save(home, Stacks({"acme": Served(trouble="is late")}))
    follow = FollowStacks(home, {})
    assert [follow(), follow()] == [None, None]
    assert len(asked) == 1


def test_in_a_fresh_home_built_in_stacks_choose_first() -> None:
    claims = {**ACME, "backends": ["aer"], "offers": ["aer"]}
    now = merge({"acme": claims, "aer": {**AER, "builtin": True}}, {}, {})
    assert now["aer"].backends == ("aer",)
    assert now["acme"].trouble == (
        "cannot be served: the stack acme cannot offer the backend aer, because the stack aer already offers a backend "
        "aer: offer only one of them"
    )


@pytest.mark.parametrize("entry", [{"error": "no module"}, None], ids=["broken", "removed"])
def test_a_stack_that_does_not_run_keeps_its_backends_from_others(entry: dict[str, object] | None) -> None:
    """Its durables exist and its jobs wait, so that a second owner of the id could not be declared."""
    claims = {**ACME, "backends": ["aer"], "offers": ["aer"]}
    listed, now = {"acme": claims} | ({} if entry is None else {"aer": entry}), {"aer": Served(("aer",))}
    for _ in range(2):
        now = merge(listed, {}, now)
        assert (now["aer"].backends, now["acme"].backends) == (("aer",), ())


def test_the_home_remembers_what_it_serves_and_declares_it(home: Home) -> None:
    assert known(home) == Stacks()
    save(home, Stacks({"acme": Served(("small",), {"A": "b"}, "acme 1"), "off": Served(trouble="is off")}, "x"))
    assert known(home).served["acme"] == Served(("small",), {"A": "b"}, "acme 1")
    assert {*home_topology(home).service} - {*topology().service} == {"executor-acme"}
    home.stacks_file.write_text('{"served": 7}')
    assert known(home) == Stacks()


def plugin(folder: Path, stack: str, body: str) -> None:
    """What pip leaves in a folder."""
    about = folder / f"{stack}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {stack}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[queuebit.backends]\n{stack} = {stack}_plugin:stack\n")
    (folder / f"{stack}_plugin.py").write_text(body)


def test_what_is_installed_is_found_and_looked_for_again_only_when_something_changed(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    first = find(home)
    save(home, first)
    assert first.running.keys() >= {"aer", "cirq", "ibm"}
    monkeypatch.setattr("queuebit_stack.stacks._listed", lambda: pytest.fail("nothing changed"))
    assert find(home) == first
    monkeypatch.undo()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    plugin(tmp_path, "good", "from queuebit_quantum import Stack\nstack = Stack({'local-good': print})\n")
    plugin(tmp_path, "bad", "raise RuntimeError('half installed')\n")
    second = find(home)
    assert second.served["good"] == Served(("local-good",), {}, "good 1.0")
    assert "half installed" in second.served["bad"].trouble
    assert first.running.items() <= second.running.items()


def test_an_installation_that_is_looked_at_before_its_entry_points_are_written_is_looked_at_again(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    about = tmp_path / "late-1.0.dist-info"
    about.mkdir()
    listed = [{"aer": AER, "acme": ACME}, {"aer": AER}]
    monkeypatch.setattr("queuebit_stack.stacks._listed", listed.pop)
    save(home, find(home))
    (about / "entry_points.txt").write_text("[queuebit.backends]\nacme = acme:stack\n")
    assert find(home).running.keys() == {"aer", "acme"}


def test_a_full_disk_does_not_end_the_search_for_stacks(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("queuebit_stack.stacks._listed", lambda: {"aer": AER})
    monkeypatch.setattr("queuebit_stack.stacks.write_private", full)
    with pytest.raises(Stop, match="No space left"):
        FollowStacks(home, {})()


def test_a_disk_that_is_full_when_the_server_is_configured_is_reported_and_tried_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new executor could not log in with the old configuration."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_logins(home, Tenants())
    monkeypatch.setattr("queuebit_stack.stacks._listed", lambda: {"aer": AER})
    monkeypatch.setattr("queuebit_stack.executors.bootstrap", lambda _: None)
    monkeypatch.setattr("queuebit_stack.executors.write_nats_config", full)
    follow = FollowStacks(home, {})
    for _ in range(2):
        with pytest.raises(Stop, match=r"cannot be served yet, tried again: .*No space left"):
            follow()


def test_a_broken_file_of_logins_does_not_end_the_search_for_stacks(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.logins_file.write_text("")
    monkeypatch.setattr("queuebit_stack.stacks._listed", lambda: {"aer": AER})
    monkeypatch.setattr("queuebit_stack.executors.bootstrap", lambda _: None)
    with pytest.raises(Stop, match="the tenants file is empty"):
        FollowStacks(home, {})()


def test_an_executor_gets_the_port_it_had_or_a_free_one() -> None:
    had = ports.with_executors({"broker": 1}, ["acme"])
    assert had["executor-acme"] > 1
    assert ports.with_executors({"broker": 1}, ["acme"], had) == had
    assert (
        ports.with_executors({"broker": had["executor-acme"]}, ["acme"], had)["executor-acme"] != had["executor-acme"]
    )
