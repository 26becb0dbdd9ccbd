"""`qb deployment`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from queuebit_cli.main import main
from queuebit_deployment import EXAMPLE
from queuebit_runtime.server_config import server_binary
from queuebit_stack.containers import prepare
from queuebit_stack.home import Home


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The example, with a password in a file."""
    password = tmp_path / "routes"
    password.touch(mode=0o600)
    password.write_text("route-secret")
    path = tmp_path / "queuebit.toml"
    path.write_text(EXAMPLE.replace("/run/secrets/routes", str(password)))
    return path


def test_check_prints_what_the_file_describes(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deployment", "check", str(file)]) == 0
    text = capsys.readouterr().out
    assert "3: tolerates the failure of 1" in text
    assert "bus-3.example:6222" in text
    assert main(["deployment", "check", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stream"]["LOG"] == {"max_bytes": 200 << 30}


def test_check_names_every_problem_and_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUEUEBIT_DEPLOYMENT", raising=False)
    assert main(["deployment", "check"]) == 2
    assert "`qb deployment check --example > queuebit.toml` writes one" in capsys.readouterr().err
    bad = tmp_path / "bad.toml"
    bad.write_text("[bus]\nurls = []\nreplicas = 1\nsync_interval = '5s'\n")
    monkeypatch.setenv("QUEUEBIT_DEPLOYMENT", str(bad))
    assert main(["deployment", "check"]) == 2
    text = capsys.readouterr().err
    assert f"{bad}:2: bus.urls is empty: name each server" in text
    assert f"{bad}:4: bus.sync_interval is 5s with one replica" in text


def test_the_example_is_a_file_that_is_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deployment", "check", "--example"]) == 0
    path = tmp_path / "queuebit.toml"
    path.write_text(capsys.readouterr().out)
    assert main(["deployment", "check", str(path)]) == 0


def test_render_writes_a_configuration_for_each_node_that_the_server_accepts(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, folder = tmp_path / "home", tmp_path / "out"
    words = ["deployment", "render", str(file), "--home", str(home), "--output", str(folder)]
    assert main(words) == 2
    assert "`qb containers prepare --home" in capsys.readouterr().err
    prepare(Home(home))
    assert main(["tls", "init", str(tmp_path / "tls")]) == 0
    tls = file.read_text()
    for there, here in (("server.pem", "server.pem"), ("server.key", "server.key"), ("ca.pem", "ca.pem")):
        tls = tls.replace(f"/etc/queuebit/tls/{there}", str(tmp_path / "tls" / here))
    file.write_text(tls)
    assert main(words) == 0
    assert sorted(it.name for it in folder.iterdir()) == ["bus-1.conf", "bus-2.conf", "bus-3.conf"]
    for name in ("bus-1", "bus-2", "bus-3"):
        path = folder / f"{name}.conf"
        text = path.read_text()
        assert path.stat().st_mode & 0o077 == 0, "it contains the password of the servers"
        assert f'server_name: "{name}"' in text
        assert text.count("route-secret") == 3, "its own, and in two routes"
        assert f"{name}.example" not in text.partition("routes:")[2].partition("\n")[0]
        subprocess.run([server_binary(), "-t", "-c", str(path)], check=True, capture_output=True)
