"""The grammar of `qb`, and what each kind of trouble ends with."""

import json
import os
import socket
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from queuebit_cli.main import main
from queuebit_cli.parser import build
from queuebit_contracts.roles import VERBS
from queuebit_runtime.keys import new_seed
from queuebit_stack.bootstrap import bootstrap
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.stack import Stack


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUEUEBIT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("QUEUEBIT_CREDENTIAL", raising=False)


def commands(parser: ArgumentParser) -> Iterator[ArgumentParser]:
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for choice in action.choices.values():
                yield from commands(choice)
    if parser.get_default("run"):
        yield parser


def test_every_command_exists_and_takes_home_and_json() -> None:
    found = list(commands(build()))
    assert len(found) > 25
    for parser in found:
        module, _, name = parser.get_default("run").partition(":")
        assert callable(getattr(import_module(f"queuebit_cli.commands.{module}"), name))
        assert {"--home", "--json"} <= set(parser._option_string_actions)


def test_commands_in_the_table_of_roles_exist() -> None:
    (groups,) = [it.choices for it in build()._actions if isinstance(it.choices, dict)]
    assert {it for verb in VERBS.values() for it in verb.commands} <= {*groups}


def test_help_needs_nothing_heavy() -> None:
    code = "import sys, queuebit_cli.main as m; m.build(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"asyncio", "nats", "pydantic", "queuebit_runtime", "cryptography"} & set(loaded)


def test_asking_needs_neither_contracts_nor_aiohttp() -> None:
    code = "from queuebit_stack.connection import quick_start as q; q(); import queuebit.client, queuebit.nats_transport, sys; print(*sys.modules)"  # noqa: E501
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"aiohttp.client", "pydantic", "faststream", "opentelemetry.sdk"} & set(loaded)


@pytest.mark.parametrize(
    "words",
    [
        *([], ["nonsense"], ["submit"], ["up", "--ports", "7"], ["doctor", "--replay", "1", "--drop", "1"]),
        *(["jobs", "--limit", "0"], ["jobs", "--limit", "x"], ["slo", "--nonsense"]),
    ],
)
def test_bad_usage_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: qb" in capsys.readouterr().err


def test_a_wrong_flag_is_reported_with_the_usage_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["submit", "a.qasm", "--shot", "3"])
    printed = capsys.readouterr().err
    assert "usage: qb submit" in printed
    assert "there is no --shot 3 here" in printed


@pytest.mark.parametrize(
    ("words", "meant"), [(["sumbit", "a.qasm"], "qb submit"), (["job", "wacth", "latest"], "qb job watch")]
)
def test_a_mistyped_command_is_reported_with_the_nearest(
    words: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert f"did you mean `{meant}`?" in capsys.readouterr().err


def test_a_job_in_place_of_a_command_is_reported_which_commands_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["job", "latest"])
    words = "show, explain, watch, cancel, result, rerun"
    assert f"invalid choice: 'latest'; choose one of {words}\n" in capsys.readouterr().err


def test_help_of_qb_fits_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, build().format_help().splitlines())) <= 79


def test_a_start_that_cannot_be_leaves_no_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr("queuebit_stack.ports.DEFAULTS", {"broker": taken.getsockname()[1]})
        assert main(["up", "--detach"]) == 4
    assert not (tmp_path / "home").exists()


def test_what_is_left_of_a_start_that_failed_is_no_stack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Home(tmp_path / "home").prepare()
    assert main(["status"]) == 4
    assert "there is no stack" in capsys.readouterr().err
    Home(tmp_path / "home").prepare()


def test_a_stack_that_is_down_is_reported_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path / "home")
    bootstrap(home)
    Stack("down", {}, {}).save(home)
    assert main(["doctor"]) == 4
    printed = capsys.readouterr().out
    assert (printed.count("down"), printed.count("qb up"), "1 of" in printed) == (1, 1, True)


def test_who_has_yet_to_choose_a_command_is_shown_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["job"])
    assert "follow it until it is sealed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["status"], ["sql", "select 1"], ["doctor"], ["verify"], ["tenant", "list"], ["warehouse", "rebuild"]]
)
def test_without_a_stack_every_command_says_how_to_start_one(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 4
    assert "qb up" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["sql", "select 1"], ["doctor"], ["verify"], ["warehouse", "rebuild"]])
def test_a_stack_that_was_ended_is_unreachable(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(tmp_path / "home")
    bootstrap(home)
    Stack("down", {}, {"nats-server": "nats://127.0.0.1:1"}).save(home)
    assert main(words) == 4
    printed = capsys.readouterr()
    assert "qb up" in printed.out + printed.err


@pytest.mark.parametrize("words", [["--trust", "{folder}"], ["--trust", "{folder}/none"]])
def test_a_trust_document_that_is_none_is_bad_usage(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "receipt").write_text("{}")
    there = [word.format(folder=tmp_path) for word in words]
    assert main(["receipt", "verify", str(tmp_path / "receipt"), *there]) == 2
    assert "trust document" in capsys.readouterr().err


def test_no_more_of_a_receipt_is_read_than_one_can_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / "endless").open("wb") as file:
        file.truncate(1 << 36)
    (tmp_path / "trust.json").write_text("{}")
    assert main(["receipt", "verify", str(tmp_path / "endless"), "--trust", str(tmp_path / "trust.json")]) == 1


@pytest.mark.parametrize("words", [["job", "result", "x"], ["receipt", "get", "x"], ["hybrid", "result", "h1"]])
def test_where_nothing_can_be_written_no_one_is_asked(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bootstrap(Home(tmp_path / "home"))
    assert main([*words, "--output", str(tmp_path / "none" / "x")]) == 2
    assert "choose another --output" in capsys.readouterr().err


def test_a_stack_that_is_down_is_unreachable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "home" / "credentials"
    folder.mkdir(parents=True)
    path = folder / "demo-me.toml"
    path.write_text(f'url = "nats://127.0.0.1:1"\ntenant = "demo"\nuser = "me"\nseed = "{new_seed()}"\n')
    path.chmod(0o600)
    assert main(["jobs"]) == 4
    assert "see `qb status`; `qb up` starts a stack" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_bad_usage_and_nothing_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", "absent.qasm"]) == 2
    assert "there is no file absent.qasm" in capsys.readouterr().err


@pytest.mark.parametrize("amount", ["ten", "-1", "nan", "1e99"])
def test_a_price_that_is_none_is_bad_usage(amount: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.qasm").write_text("OPENQASM 3.0;")
    assert main(["submit", str(tmp_path / "a.qasm"), f"--max-cost={amount}"]) == 2
    assert "is not an amount" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (["submit", "a.qasm", "--shots", "many"], "'many' is not a whole number"),
        (["submit", "a.qasm", "--timeout", "nan"], "'nan' is not a number of seconds from 0 on"),
        (["verify", "--wait", "-1"], "'-1' is not a number of seconds from 0 on"),
        (["jobs", "--limit", "0"], "'0' is not a number from 1 on"),
        (["logs", "--lines", "-1"], "'-1' is not a number from 0 on"),
    ],
)
def test_a_number_that_is_none_is_reported_in_plain_words(
    words: list[str], printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert printed in capsys.readouterr().err


@pytest.mark.parametrize("words", [["status"], ["down"], ["jobs"], ["tenant", "list"], ["up", "--detach"]])
@pytest.mark.parametrize("home", ["x" * 300, "file", "file/sub"])
def test_a_home_that_cannot_be_is_reported_and_no_traceback_shown(
    words: list[str], home: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main([*words, "--home", str(tmp_path / home)]) in (0, 2, 4)
    assert "Traceback" not in capsys.readouterr().err


def test_a_file_in_place_of_a_home_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Stop, match="is a file, not a folder: choose another with --home DIR"):
        Home(tmp_path / "file").prepare()


def test_an_empty_home_is_not_the_usual_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["down", "--home", ""])
    assert caught.value.code == 2
    assert "which folder?" in capsys.readouterr().err


def test_a_defect_is_kept_in_a_file_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def broken(*_: object) -> Exit:
        raise KeyError("colour")

    monkeypatch.setattr("queuebit_cli.commands.stack.down", broken)
    assert main(["down"]) == 1
    printed = capsys.readouterr().err
    kept = next(tmp_path.glob("qb-defect-*"))
    assert f"attach {kept} to a bug report" in printed
    assert "Traceback" in kept.read_text()


def test_down_where_nothing_runs_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"stopped": []}


def test_output_that_no_one_reads_is_no_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "queuebit_cli", "down"], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--by", "colour"], "charges are not summed by 'colour': use tenant, day, month"),
        (["--by", "day", "--export", "csv", "x.csv"], "give one of them"),
        (["--by", "day", "--url", "http://127.0.0.1:1"], "leave --url out"),
        (["--from", "2026-11-01"], "give --by FIELDS or --export FORM FILE too"),
        (["--csv"], "give --by FIELDS too"),
        (["--all-tenants"], "give --by FIELDS too"),
    ],
)
def test_options_of_sums_that_say_nothing_are_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["charges", *words])
    assert ended.value.code == 2
    assert said in " ".join(capsys.readouterr().err.split())
