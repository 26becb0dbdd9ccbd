"""Three servers under faults: what was accepted is found, run once, billed once and proven."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from tests.cluster.drill import drill, settle

from queuebit_cli.main import main
from queuebit_testing.cluster_platform import NODES, ClusterPlatform

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

FAULTS = (("kill", "n1"), ("pause", "n2"), ("wipe", "n3"), ("stepdown", "n1"))
ROLLING = tuple(("restart", name) for name in NODES)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterPlatform]:
    """One cluster for all tests here."""
    with ClusterPlatform(tmp_path_factory.mktemp("cluster")) as running:
        yield running


def test_jobs_go_on_while_servers_are_killed_paused_wiped_and_restarted(platform: ClusterPlatform) -> None:
    report = drill(platform, 42, (*FAULTS, *ROLLING), every_s=0.0)
    assert (report.results, report.failed, report.replicas) == (42, [], "equal")
    assert {*report.invariants} == {"I1", "I2", "I3", "I4", "I5", "I6", "I7"}
    assert {*report.invariants.values()} == {"holds"}, report.invariants


def test_a_service_starts_while_a_server_is_down_and_status_names_that_server(
    platform: ClusterPlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["deployment", "status", str(platform.file), "--json"]) == 0, capsys.readouterr().out
    capsys.readouterr()
    platform.kill("n1")
    try:
        platform.terminate("metering")
        platform.start_services(("metering",))
        assert main(["deployment", "status", str(platform.file), "--json"]) == 5
        rows = json.loads(capsys.readouterr().out)
        assert [it["server"] for it in rows if it["found"] == "does not answer"] == ["n1"]
    finally:
        platform.start("n1")
    assert asyncio.run(settle(platform)) == "equal"
