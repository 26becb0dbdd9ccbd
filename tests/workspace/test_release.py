"""A release has one version, written down, of what was committed; and its wheels are equal from equal sources."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest
from deploy.release.checks import faults
from deploy.release.members import Member, build, members

ROOT = Path(__file__).parents[2]
WRITTEN = "# Changelog\n\n## [Unreleased]\n\n## [1.0.0] - 2027-01-04\n\n- Jobs run.\n"
TWO = (Member("queuebit", "1.0.0", Path()), Member("queuebit-cli", "1.0.0", Path()))


def test_all_members_have_one_version() -> None:
    assert len({it.version for it in members(ROOT)}) == 1


def test_what_was_committed_and_written_down_is_released() -> None:
    assert list(faults(TWO, WRITTEN, ["v0.1.0"], [])) == []


@pytest.mark.parametrize(
    ("changelog", "tags", "changed", "says"),
    [
        (WRITTEN, ["v1.0.0"], [], "the tag v1.0.0 exists: 1.0.0 is released, so raise the version"),
        (WRITTEN, [], ["a.py", "b.py"], "2 files differ from the commit, such as a.py: commit them"),
        (WRITTEN.replace("1.0.0", "0.9.0"), [], [], "CHANGELOG.md has no section `## [1.0.0] - DATE`"),
        (WRITTEN.replace(" - 2027-01-04", ""), [], [], "CHANGELOG.md has no section `## [1.0.0] - DATE`"),
        (
            WRITTEN.replace("[Unreleased]\n", "[Unreleased]\n\n- A thing.\n"),
            [],
            [],
            "CHANGELOG.md has lines under [Unreleased]: move them to [1.0.0]",
        ),
    ],
    ids=["released", "changed", "unwritten", "undated", "unmoved"],
)
def test_what_forbids_a_release_says_what_to_do(changelog: str, tags: list[str], changed: list[str], says: str) -> None:
    (found,) = faults(TWO, changelog, tags, changed)
    assert found.startswith(says)


def test_two_versions_are_a_fault_of_their_own() -> None:
    (found,) = faults((*TWO, Member("queuebit-ci", "0.9.0", Path())), WRITTEN, [], [])
    assert found == "members have several versions, 0.9.0, 1.0.0: give all of them one"


def test_equal_sources_give_an_equal_wheel_that_has_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    contracts = [it for it in members(ROOT) if it.name == "queuebit-contracts"]
    wheels = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        wheels += build(contracts, tmp_path / name)
    first, second = wheels
    assert first.read_bytes() == second.read_bytes()
    packed = {it for it in ZipFile(first).namelist() if ".dist-info/" not in it}
    source = ROOT / "contracts" / "src"
    kept = {str(it.relative_to(source)) for it in source.rglob("*") if it.is_file() and "__pycache__" not in it.parts}
    assert kept <= packed
