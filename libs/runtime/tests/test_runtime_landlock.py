"""Limits on files, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from queuebit_runtime.landlock import landlock_version
from queuebit_runtime.readable import readable_paths, without_nested

TRIES = """
import ctypes, errno, json, os, sys
from queuebit_runtime.landlock import restrict_files
from queuebit_runtime.readable import readable_paths

folder, parent = sys.argv[1], os.getppid()
opened = open(folder + "/secret/key")
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
restrict_files([*readable_paths(), folder + "/read", folder + "/missing"], [folder + "/write"])

def tried(what, *arguments):
    try:
        what(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "allowed"

def write(path):
    with open(path, "a") as file:
        file.write("x")

import html.parser  # a module that was not imported yet
print(json.dumps({
    "read": tried(open, folder + "/read/file"),
    "read another": tried(open, folder + "/secret/key"),
    "list another": tried(os.listdir, folder + "/secret"),
    "read by a link": tried(open, folder + "/read/link"),
    "write where it reads": tried(write, folder + "/read/file"),
    "write": tried(write, folder + "/write/new"),
    "remove another": tried(os.unlink, folder + "/secret/key"),
    "memory of another": tried(open, f"/proc/{parent}/environ"),
    "opened before": tried(opened.read),
}))
"""


@pytest.mark.skipif(not landlock_version(), reason="the kernel has no Landlock")
def test_only_what_is_named_is_read_and_written(tmp_path: Path) -> None:
    for folder in ("read", "write", "secret"):
        (tmp_path / folder).mkdir()
    (tmp_path / "read" / "file").write_text("x")
    (tmp_path / "secret" / "key").write_text("secret")
    (tmp_path / "read" / "link").symlink_to(tmp_path / "secret" / "key")
    command = [sys.executable, "-P", "-c", TRIES, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "read": "allowed",
        "read another": "EACCES",
        "list another": "EACCES",
        "read by a link": "EACCES",
        "write where it reads": "EACCES",
        "write": "allowed",
        "remove another": "EACCES",
        "memory of another": "EACCES",
        "opened before": "allowed",
    }
    assert (tmp_path / "secret" / "key").read_text() == "secret"


def test_a_path_in_a_folder_that_is_there_already_is_left_out(tmp_path: Path) -> None:
    for folder in ("a/b", "ab"):
        (tmp_path / folder).mkdir(parents=True)
    first, inside, beside = str(tmp_path / "a"), str(tmp_path / "a" / "b"), str(tmp_path / "ab")
    assert without_nested([first, inside, beside, str(tmp_path / "missing"), first]) == [first, beside]


@pytest.mark.parametrize(
    "path", ["/etc/ssl/private/key.pem", "/etc/pki/tls/private/key.pem", "/etc/shadow", "/root/.ssh"]
)
def test_private_keys_of_the_system_are_in_no_readable_folder(path: str) -> None:
    """A process of root reads what root may read, also without root's rights."""
    assert not [it for it in readable_paths() if Path(path).is_relative_to(it)]
