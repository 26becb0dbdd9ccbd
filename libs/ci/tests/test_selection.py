"""Which circuits a change is about, in real repositories."""

import os
import subprocess
from pathlib import Path

import pytest

from queuebit.errors import InvalidInput
from queuebit_ci.git import base_of, changed_files, repository_name
from queuebit_ci.policy import Policy
from queuebit_ci.selection import changed_circuits, select

BELL = "OPENQASM 3;\nqubit[1] q;\nbit[1] c;\nc = measure q;\n"
POLICY = Policy(circuits=("**/*.qasm", "batches/*.json"))


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A branch `main` with three circuits, and a branch `change` from it."""
    git(tmp_path, "init", "-q", "-b", "main")
    for name in ("a.qasm", "b.qasm", "sub/c.qasm", ".gitignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("ignored/\n" if name == ".gitignore" else f"// {name}\n{BELL}" * 1)
    (tmp_path / "b.expected.toml").write_text('[probabilities]\n"0" = 1\n')
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "base")
    git(tmp_path, "checkout", "-qb", "change")
    return tmp_path


def test_all_circuits_that_git_does_not_ignore(repository: Path) -> None:
    (repository / "ignored").mkdir()
    (repository / "ignored" / "d.qasm").write_text(BELL)
    (repository / "new.qasm").write_text(BELL)
    assert [it.path for it in select(repository, POLICY)] == ["a.qasm", "b.qasm", "new.qasm", "sub/c.qasm"]


def test_a_change_is_what_differs_from_the_common_commit(repository: Path) -> None:
    (repository / "a.qasm").write_text(f"// changed\n{BELL}")
    git(repository, "mv", "sub/c.qasm", "sub/moved.qasm")
    git(repository, "commit", "-qam", "change")
    (repository / "new.qasm").write_text(BELL)
    git(repository, "checkout", "-q", "main")
    (repository / "b.qasm").write_text("// of main, later\n")
    git(repository, "commit", "-qam", "later")
    git(repository, "checkout", "-q", "change")
    base = base_of(repository, "main")
    found = {it.path: it.before for it in select(repository, POLICY, base=base)}
    assert found == {
        "a.qasm": f"// a.qasm\n{BELL}",
        "new.qasm": None,
        "sub/moved.qasm": f"// sub/c.qasm\n{BELL}",
    }
    assert str(base) == f"main ({base.commit[:8]})"
    assert str(base_of(repository, base.commit)) == base.commit[:8]


def test_a_circuit_is_checked_when_what_is_expected_of_it_changed(repository: Path) -> None:
    (repository / "b.expected.toml").write_text('[probabilities]\n"0" = 0.5\n"1" = 0.5\n')
    (found,) = select(repository, POLICY, base=base_of(repository, "main"))
    assert found.path == "b.qasm"
    assert found.expected is not None


def test_a_changed_policy_is_about_every_circuit() -> None:
    assert changed_circuits(["a.qasm", "b.qasm"], {"queuebit-ci.toml": None}, "queuebit-ci.toml") == [
        "a.qasm",
        "b.qasm",
    ]


def test_names_with_blanks_and_letters_of_any_script(repository: Path) -> None:
    (repository / "zwei Münzen.qasm").write_text(BELL)
    git(repository, "add", ".")
    assert [*changed_files(repository, base_of(repository, "main"))] == ["zwei Münzen.qasm"]


def test_a_folder_of_the_repository(repository: Path) -> None:
    (repository / "sub" / "c.qasm").write_text(f"// new\n{BELL}")
    (found,) = select(repository / "sub", POLICY, base=base_of(repository / "sub", "main"))
    assert (found.path, found.before) == ("c.qasm", f"// sub/c.qasm\n{BELL}")


def test_without_git_all_files_count(tmp_path: Path) -> None:
    (tmp_path / "a.qasm").write_text(BELL)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "b.qasm").write_text(BELL)
    assert [it.path for it in select(tmp_path, POLICY)] == ["a.qasm"]
    assert repository_name(tmp_path, {}) == tmp_path.name


def test_files_that_are_named_need_no_pattern(repository: Path) -> None:
    (repository / "x.txt").write_text(BELL)
    assert [it.path for it in select(repository, POLICY, ["./x.txt"])] == ["x.txt"]
    with pytest.raises(InvalidInput, match=r"there is no file none\.qasm"):
        select(repository, POLICY, ["none.qasm"])


def test_what_cannot_be_read_is_a_fault_of_its_circuit(repository: Path) -> None:
    (repository / "a.qasm").write_bytes(b"\xff\xfe")
    (repository / "b.expected.toml").write_text("[")
    found = {it.path: it.fault for it in select(repository, POLICY)}
    assert found["a.qasm"].startswith("is not text")
    assert "b.expected.toml cannot be read" in found["b.qasm"]
    assert not found["sub/c.qasm"]


def test_an_unknown_base_is_named_with_the_next_step(repository: Path) -> None:
    with pytest.raises(InvalidInput, match="git fetch origin nope"):
        base_of(repository, "nope")
    with pytest.raises(InvalidInput, match="not the name of a commit"):
        base_of(repository, "--upload-pack=x")


def test_a_base_without_a_common_commit_asks_for_the_whole_history(repository: Path) -> None:
    git(repository, "checkout", "-q", "--orphan", "other")
    git(repository, "commit", "-qm", "other")
    with pytest.raises(InvalidInput, match="fetch the whole history"):
        base_of(repository, "main")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/team/circuits.git",
        "git@example.org:team/circuits.git",
        "ssh://git@example.org/team/circuits",
    ],
)
def test_a_repository_has_one_name_in_every_clone(repository: Path, url: str) -> None:
    git(repository, "remote", "add", "origin", url)
    assert repository_name(repository, {}) == "team/circuits"
    assert repository_name(repository, {"GITHUB_REPOSITORY": "a/b"}) == "a/b"


@pytest.mark.parametrize("name", [b"bad\xff.qasm", b"red\x1b[31m.qasm", b"two\nlines.qasm"])
def test_a_name_that_cannot_be_shown_is_a_fault_of_the_circuit(repository: Path, name: bytes) -> None:
    (repository / os.fsdecode(name)).write_text(BELL)
    (found,) = [it for it in select(repository, POLICY) if it.fault]
    assert found.path.isprintable()
    assert "rename it" in found.fault
