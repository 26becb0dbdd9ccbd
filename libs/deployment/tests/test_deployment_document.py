"""The deployment file: what is accepted, and what each mistake is answered with."""

from __future__ import annotations

import pytest

from queuebit_deployment import EXAMPLE, parse_deployment, secret_at
from queuebit_documents.errors import BadDocuments

SECRET = "correct-horse-battery"
ONE = '[bus]\nurls = ["nats://127.0.0.1:4222"]\n'


def problem(text: str) -> str:
    """The only problem of a file."""
    with pytest.raises(BadDocuments) as caught:
        parse_deployment(text)
    (found,) = caught.value.problems
    return str(found)


def test_the_example_describes_three_servers() -> None:
    found = parse_deployment(EXAMPLE)
    assert (found.bus.replicas, found.bus.sync_interval, len(found.bus.urls)) == (3, "always", 3)
    assert found.nodes_for_streams == ["bus-1", "bus-2", "bus-3"]
    assert found.stream["LOG"].max_bytes == 200 << 30


def test_one_server_needs_only_its_address() -> None:
    found = parse_deployment(ONE)
    assert (found.bus.replicas, found.bus.sync_interval, found.node) == (1, "always", {})


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("replicas = 3", "replicas = 2", "queuebit.toml:5: bus.replicas is wrong: it is 2: use 1, 3 or 5"),
        ("replicas = 3", "replicas = 5", "queuebit.toml:5: bus.replicas is 5, and there are 3 nodes: add tables"),
        ("replicas = 3", "replica = 3", "queuebit.toml:5: bus.replica is not a key here: did you mean replicas?"),
        ('["ssd"]  ', '["sdd"]  ', "queuebit.toml:6: bus.placement names sdd, which no node has: did you mean ssd?"),
        ('["ssd"]  ', '["zone-a"]', "queuebit.toml:6: bus.placement leaves bus-1 for 3 replicas: tag more nodes"),
        ('"always" ', '"often"  ', "queuebit.toml:7: bus.sync_interval is wrong: it is no interval"),
        ("[stream.LOG]", "[stream.LOGS]", "queuebit.toml:14: stream.LOGS is no stream: did you mean LOG?"),
        ('"200GiB"', '"200 GB"', "queuebit.toml:15: stream.LOG.max_bytes is wrong: it is no size"),
        ('"tls://bus-1', '"http://bus-1', "bus.urls.0 is wrong: it is no address of a server: write nats://"),
        ('"tls://bus-1', f'"tls://me:{SECRET}@bus-1', "it contains a login: name the seeds under credentials"),
        ('route = "bus-2.example:6222"\n', "", "node.bus-2.route is missing"),
        ("bus-2.example:6222", "bus-1.example:6222", "2 nodes have the route bus-1.example:6222"),
        ('route_password = "file:/run/secrets/routes"\n', "", "bus.route_password is missing"),
        ("file:/run/secrets/routes", SECRET, "must say where the secret is, and never be the secret: write file:/run"),
        ("file:/run/secrets/{user}.seed", SECRET, "credentials.seed is wrong: it must say where the secret is"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_to_write(old: str, new: str, expected: str) -> None:
    assert old in EXAMPLE
    found = problem(EXAMPLE.replace(old, new, 1))
    assert expected in found
    assert SECRET not in found


def test_a_file_without_an_address_is_refused() -> None:
    assert problem("[bus]\nurls = []\n") == (
        "queuebit.toml:2: bus.urls is empty: name each server, such as nats://bus-1.example:4222"
    )


def test_one_replica_that_is_not_always_on_the_disk_is_refused() -> None:
    assert "with one replica, so that a power cut loses confirmed events" in problem(f'{ONE}sync_interval = "5s"\n')


def test_a_certificate_needs_its_key_and_an_authority() -> None:
    node = f'{ONE}[node.n1]\ncertificate = "/tls/server.pem"\n'
    with pytest.raises(BadDocuments, match=r"only one of certificate and key.*\n.*bus.ca_file is missing"):
        parse_deployment(node)


def secret(reference: str, user: str = "broker") -> str:
    return secret_at(
        reference,
        user,
        environment={"SEED_broker": "from the environment", "SEED_executor_aer": "of an executor"},
        read_file=lambda path: f"file {path}",
        read_vault=lambda place: f"vault {place}",
    )


def test_a_reference_is_read_where_it_says() -> None:
    assert secret("file:/run/secrets/{user}.seed") == "file /run/secrets/broker.seed"
    assert secret("env:SEED_{user}") == "from the environment"
    assert secret("env:SEED_{user}", "executor-aer") == "of an executor", "no variable has a hyphen"
    assert secret("vault:secret/data/queuebit/{user}#seed") == "vault secret/data/queuebit/broker#seed"


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(
        ValueError, match="the variable NO_SUCH is not set, and the deployment names it for a secret of"
    ):
        secret("env:NO_SUCH")
