"""The page about verification: an auditor without our programs can run every line; `qb` needs two files alone."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from tests.trust.published import BEGIN, ORIGIN, Published, publish, statement_of

from queuebit_proof import Profile, TileLog, b64, issue, rotate_keys, seal, sign_checkpoint

PAGE = (Path(__file__).parents[2] / "docs" / "verify.md").read_text()
PYTHON = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
SHELL = "\n".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
COMMANDS = re.findall(r"^    (qb .*)$", PAGE, re.MULTILINE)
WITHOUT_US = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0].startswith("queuebit"):
            raise ImportError("an auditor does not have " + name)
sys.meta_path.insert(0, Without())
"""
NEEDED = [it for it in ("jq", "openssl", "sha256sum") if shutil.which(it) is None]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program that has the folder and nothing else: no home, no settings."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=50, check=False)


def by_python(folder: Path) -> subprocess.CompletedProcess[str]:
    return run(folder, sys.executable, "-I", "-c", WITHOUT_US + PYTHON)


def by_shell(folder: Path) -> subprocess.CompletedProcess[str]:
    return run(folder, "bash", "-euo", "pipefail", "-c", SHELL)


def test_qb_verifies_with_the_receipt_and_the_keys_alone(auditor: Path) -> None:
    shutil.rmtree(auditor / "log")
    before = sorted(auditor.iterdir())
    commands = [it for it in COMMANDS if it.startswith("qb receipt") and "--witnesses" not in it]
    assert len(commands) == 2
    for command in commands:
        done = run(auditor, *command.split())
        assert (done.returncode, done.stderr) == (0, "")
    assert sorted(auditor.iterdir()) == before


def test_the_other_commands_of_the_page_work_one_after_the_other(auditor: Path) -> None:
    commands = [it for it in COMMANDS if it.startswith("qb checkpoint")]
    assert len(commands) == 5
    for command in commands:
        done = run(auditor, *shlex.split(command, comments=True))
        assert (done.returncode, done.stderr) == (0, ""), command
    assert done.stdout.count("witness.example.org/w1 cosigned the head") == 2


def test_the_page_verifies_the_statement_the_place_and_the_whole_log(published: Published, auditor: Path) -> None:
    done = by_python(auditor)
    assert done.returncode == 0, done.stderr
    assert "'tenant': 'acme'" in done.stdout
    assert (auditor / "log.vkey").read_text() == published.ring.trust.vkeys()[0]


@pytest.mark.skipif(bool(NEEDED), reason=f"the shell lines of the page need {', '.join(NEEDED)}")
def test_the_page_verifies_the_result_and_the_checkpoint(auditor: Path) -> None:
    assert by_python(auditor).returncode == 0  # writes the signed digest
    done = by_shell(auditor)
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout


@pytest.mark.parametrize("profile", list(Profile))
def test_the_page_verifies_a_receipt_of_keys_that_were_replaced_and_of_the_new_ones(
    tmp_path: Path, profile: Profile
) -> None:
    publish(tmp_path, jobs=60, then=50)
    new = rotate_keys(tmp_path / "private", BEGIN + timedelta(days=1), profile=profile)
    (tmp_path / "trust.json").write_bytes(new.trust.to_bytes())
    assert by_python(tmp_path).returncode == 0, "issued by the old keys"
    log, statement = TileLog.open(tmp_path / "log", new.trust), statement_of(41)
    head = sign_checkpoint(log.head(ORIGIN), new, BEGIN + timedelta(days=2))
    later = issue(seal(statement, new), leaf_index=41, inclusion=log.inclusion(41), checkpoint=head)
    (tmp_path / "job.receipt.json").write_bytes(later)
    done = by_python(tmp_path)
    assert done.returncode == 0, done.stderr
    if not NEEDED:
        assert by_shell(tmp_path).returncode == 0


def test_the_page_refuses_keys_after_their_end(tmp_path: Path) -> None:
    old = publish(tmp_path, jobs=60, then=50).ring
    new = rotate_keys(tmp_path / "private", BEGIN + timedelta(seconds=30))
    (tmp_path / "trust.json").write_bytes(new.trust.to_bytes())
    assert old.begin < new.begin
    assert by_python(tmp_path).returncode != 0


def _other_tenant(document: dict[str, str]) -> None:
    envelope = json.loads(document["envelope"])
    envelope["payload"] = b64(b'{"predicate":{}}')
    document["envelope"] = json.dumps(envelope)


def _other_root(document: dict[str, str]) -> None:
    lines = document["checkpoint"].split("\n")
    lines[2] = b64(bytes(32))
    document["checkpoint"] = "\n".join(lines)


@pytest.mark.parametrize("alter", [_other_tenant, _other_root])
def test_the_page_refuses_an_altered_receipt(auditor: Path, alter: object) -> None:
    assert callable(alter)
    path = auditor / "job.receipt.json"
    document = json.loads(path.read_bytes())
    alter(document)
    path.write_text(json.dumps(document))
    assert by_python(auditor).returncode != 0


def test_the_page_refuses_an_altered_log(auditor: Path) -> None:
    bundle = auditor / "log" / "tile" / "entries" / "000"
    bundle.write_bytes(bundle.read_bytes()[:-1] + b"\x00")
    done = by_python(auditor)
    assert done.stdout, "the receipt itself is valid"
    assert done.returncode != 0


@pytest.mark.skipif(bool(NEEDED), reason=f"the shell lines of the page need {', '.join(NEEDED)}")
@pytest.mark.parametrize(
    ("name", "old", "new"), [("result.json", "500", "501"), ("job.receipt.json", "\\n200\\n", "\\n201\\n")]
)
def test_the_shell_lines_refuse_another_result_and_another_head(auditor: Path, name: str, old: str, new: str) -> None:
    assert by_python(auditor).returncode == 0
    path = auditor / name
    path.write_text(path.read_text().replace(old, new, 1))
    assert by_shell(auditor).returncode != 0
