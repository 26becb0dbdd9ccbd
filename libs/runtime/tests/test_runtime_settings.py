"""A service's settings: variables first, then the deployment file."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from queuebit_contracts.topology import topology
from queuebit_deployment import parse_deployment
from queuebit_documents.errors import BadDocuments
from queuebit_runtime.deployment import sized
from queuebit_runtime.settings import BusSettings

TEXT = """\
[bus]
urls = ["nats://a:4222", "nats://b:4222"]
ca_file = "/tls/ca.pem"

[credentials]
seed = "file:{folder}/{{user}}.seed"
"""


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A deployment file that the environment names, and one seed."""
    for name in ("URL", "CA_FILE", "SEED_FILE", "SEED"):
        monkeypatch.delenv(f"QUEUEBIT_BUS_{name}", raising=False)
    seed = tmp_path / "broker.seed"
    seed.touch(mode=0o600)
    seed.write_text("SUBROKER\n")
    path = tmp_path / "queuebit.toml"
    path.write_text(TEXT.format(folder=tmp_path))
    monkeypatch.setenv("QUEUEBIT_DEPLOYMENT", str(path))
    return path


def test_the_deployment_file_gives_servers_authority_and_seed(deployment: Path) -> None:
    found = BusSettings()
    assert (found.url, found.ca_file) == ("nats://a:4222,nats://b:4222", Path("/tls/ca.pem"))
    assert found.seed_of("broker") == "SUBROKER"
    assert found.seed_path("broker") == deployment.with_name("broker.seed")


def test_a_variable_counts_more_than_the_file(deployment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = deployment.with_name("own.seed")
    own.touch(mode=0o600)
    own.write_text("SUOWN")
    monkeypatch.setenv("QUEUEBIT_BUS_URL", "nats://c:4222")
    monkeypatch.setenv("QUEUEBIT_BUS_SEED_FILE", str(own))
    found = BusSettings()
    assert (found.url, found.seed_of("broker"), found.seed_path("broker")) == ("nats://c:4222", "SUOWN", own)


def test_a_seed_in_a_variable_is_in_no_file(deployment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUEBIT_BUS_SEED", "env:MY_SEED")
    monkeypatch.setenv("MY_SEED", "SUENV")
    found = BusSettings()
    assert (found.seed_of("broker"), found.seed_path("broker")) == ("SUENV", None)


def test_without_a_seed_both_ways_to_name_one_are_named(deployment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUEUEBIT_DEPLOYMENT")
    with pytest.raises(ValidationError, match="set QUEUEBIT_BUS_SEED_FILE, or QUEUEBIT_DEPLOYMENT"):
        BusSettings()


def test_a_bad_file_is_refused(deployment: Path) -> None:
    deployment.write_text("[bus]\nurl = 'nats://a'\n")
    with pytest.raises(BadDocuments, match=r"bus\.url is not a key here: did you mean urls"):
        BusSettings()


def test_streams_have_the_sizes_of_the_deployment() -> None:
    text = '[bus]\nurls = ["nats://a:4222"]\n[stream.LOG]\nmax_bytes = "1GiB"\n[stream.PAYLOADS]\nmax_bytes = "2GiB"\n'
    found = sized(topology(), parse_deployment(text))
    assert (found.stream["LOG"].max_bytes, found.bucket["PAYLOADS"].max_bytes) == (1 << 30, 2 << 30)
    assert found.stream["DEAD"] == topology().stream["DEAD"]
