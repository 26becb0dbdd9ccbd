"""The bill of materials and the advisories of `qb doctor`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from queuebit_cli.advisories import affected, read_advisories
from queuebit_cli.installed import Package, bill_of_materials, installed
from queuebit_cli.main import main

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def package(name: str = "qiskit", version: str = "1.2.0", **fields: Any) -> Package:
    return Package(name, version, **{"licence": "", "is_expression": False, "needs": frozenset(), **fields})


def record(*events: dict[str, str], **fields: Any) -> dict[str, Any]:
    affects = {
        "package": {"ecosystem": "PyPI", "name": "Qiskit"},
        "ranges": [{"type": "ECOSYSTEM", "events": [*events]}],
    }
    return {"id": "GHSA-1", "summary": "it is wrong", "affected": [affects], **fields}


def document(packages: list[Package]) -> dict[str, Any]:
    found = bill_of_materials(packages, version="0.1.0", serial=UUID(int=1), now=NOON)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(found)) is None
    return dict(found)


def test_the_bill_of_this_environment_is_valid_and_has_the_quantum_sdks() -> None:
    found = document(installed())
    listed = {it["name"]: it for it in found["components"]}
    assert {"qiskit", "cirq-core", "queuebit", "cryptography"} <= listed.keys()
    assert listed["qiskit"]["properties"] == [{"name": "queuebit:quantum-sdk", "value": "true"}]
    assert "properties" not in listed["cryptography"]
    needs = {it["ref"]: it["dependsOn"] for it in found["dependencies"]}
    assert listed["numpy"]["bom-ref"] in needs[listed["qiskit"]["bom-ref"]]
    assert len(needs) == len(listed) + 1


def test_licences_and_versions_are_written_as_the_schema_wants_them() -> None:
    found = document(
        [
            package(version="1.2.0+cu12", licence="Apache-2.0 OR MIT", is_expression=True),
            package("old", licence="BSD, see LICENSE", needs=frozenset({"qiskit", "absent"})),
        ]
    )
    first, second = found["components"]
    assert first["purl"] == "pkg:pypi/qiskit@1.2.0%2Bcu12"
    assert first["licenses"] == [{"expression": "Apache-2.0 OR MIT"}]
    assert second["licenses"] == [{"license": {"name": "BSD, see LICENSE"}}]
    assert found["dependencies"][2]["dependsOn"] == [first["purl"]]


@pytest.mark.parametrize(
    ("events", "inside", "outside"),
    [
        (({"introduced": "0"}, {"fixed": "1.2"}), ("0.1", "1.1.9", "1.2rc1", "1.2.dev1"), ("1.2", "1.2.0+cpu", "2")),
        (({"introduced": "1.0"}, {"last_affected": "1.2"}), ("1.0", "1.2", "1.2+cpu"), ("0.9", "1.2.post1", "1.2.1")),
        (({"introduced": "1.0"},), ("1.0", "99"), ("1.0rc1",)),
        (
            ({"introduced": "2.0"}, {"fixed": "2.1"}, {"introduced": "0"}, {"fixed": "1.5"}),
            ("1.0", "2.0.3"),
            ("1.5", "2.1", "3"),
        ),
        (({"introduced": "0"}, {"limit": "2.0"}), ("1.9",), ("2.0", "3")),
        ((), (), ("1.0",)),
    ],
)
def test_a_version_is_in_a_range_as_the_specification_says(
    events: tuple[dict[str, str], ...], inside: tuple[str, ...], outside: tuple[str, ...]
) -> None:
    for version in inside:
        assert affected([package(version=version)], [record(*events)]), version
    for version in outside:
        assert not affected([package(version=version)], [record(*events)]), version


@given(st.tuples(*[st.integers(0, 20)] * 3))
def test_ranges_are_half_open(version: tuple[int, int, int]) -> None:
    text = ".".join(map(str, version))
    found = affected([package(version=text)], [record({"introduced": "3.4.5"}, {"fixed": "10.11"})])
    assert bool(found) == (Version("3.4.5") <= Version(text) < Version("10.11"))


def test_listed_versions_count_and_other_packages_and_ecosystems_do_not() -> None:
    listed = {"package": {"ecosystem": "PyPI", "name": "QISKIT"}, "versions": ["1.2", "not a version"]}
    assert affected([package()], [{"id": "A", "affected": [listed]}])
    assert not affected([package(version="1.3")], [{"id": "A", "affected": [listed]}])
    listed["package"] = {"ecosystem": "npm", "name": "qiskit"}
    assert not affected([package()], [{"id": "A", "affected": [listed]}])
    git = {
        "package": {"ecosystem": "PyPI", "name": "qiskit"},
        "ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}],
    }
    assert not affected([package()], [{"id": "A", "affected": [git]}])
    assert not affected([package("qiskit-aer")], [record({"introduced": "0"})])


def test_one_finding_for_an_advisory_that_two_databases_have_and_none_if_withdrawn() -> None:
    every = {"introduced": "0"}
    one = record(every, {"fixed": "1.3"}, aliases=["CVE-1"])
    other = record(every, id="PYSEC-1", aliases=["CVE-1", "GHSA-1"])
    (found,) = affected([package()], [other, one])
    assert (found.advisory, found.aliases, found.fixed, found.summary) == (
        "GHSA-1",
        ("CVE-1",),
        ("1.3",),
        "it is wrong",
    )
    assert not affected([package()], [record(every, withdrawn="2026-01-01T00:00:00Z")])
    assert len(affected([package()], [one, record(every, id="GHSA-2")])) == 2


def test_what_cannot_be_compared_counts_as_affected() -> None:
    assert affected([package()], [record({"introduced": "0"}, {"fixed": "the next one"})])
    assert affected([package(version="from-git")], [record({"introduced": "0"}, {"fixed": "1"})])


def test_a_database_is_a_record_a_list_a_folder_or_a_zip(tmp_path: Path) -> None:
    one, folder, packed = record({"introduced": "0"}), tmp_path / "osv", tmp_path / "all.zip"
    folder.mkdir()
    (folder / "one.json").write_text(json.dumps(one))
    with ZipFile(packed, "w") as archive:
        archive.writestr("GHSA-1.json", json.dumps(one))
    for name, document in (("record", one), ("list", [one]), ("answer", {"vulns": [one]})):
        (tmp_path / name).write_text(json.dumps(document))
    for path in (folder, packed, *(tmp_path / it for it in ("record", "list", "answer"))):
        assert read_advisories(path) == [one]


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"id": 1}', "[]", '{"vulns": []}'])
def test_a_database_of_something_else_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "osv.json").write_text(content)
    with pytest.raises(ValueError, match=r"osv\.json"):
        read_advisories(tmp_path / "osv.json")


def test_the_doctor_needs_no_stack_and_says_what_is_affected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, bill, database = str(tmp_path / "home"), tmp_path / "bom.json", tmp_path / "osv.json"
    database.write_text(json.dumps(record({"introduced": "0"}, {"fixed": "999"}, aliases=["CVE-1"])))
    assert main(["doctor", "--sbom", str(bill), "--advisories", str(database), "--home", home]) == 1
    shown = capsys.readouterr().out
    assert "GHSA-1 CVE-1" in shown
    assert "999" in shown
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.read_text()) is None
    database.write_text(json.dumps(record({"introduced": "999"})))
    assert main(["doctor", "--advisories", str(database), "--home", home, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["affected"], found["advisories"], found["sbom"]) == ([], 1, None)
    assert "qiskit" in {it["package"] for it in found["quantum_sdks"]}


def test_other_environments_are_looked_into(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "env" / "lib" / "python3.11" / "site-packages" / "stim-1.0.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: stim\nVersion: 1.0\n")
    words = ["doctor", "--sbom", str(tmp_path / "bom.json"), "--home", str(tmp_path / "home"), "--json", "--python"]
    assert main([*words, str(tmp_path / "env" / "bin" / "python")]) == 0
    assert {"package": "stim", "version": "1.0"} in json.loads(capsys.readouterr().out)["quantum_sdks"]
    assert main([*words, str(tmp_path / "nothing" / "bin" / "python")]) == 2
    assert "is no interpreter of a virtual environment" in capsys.readouterr().err


def test_a_database_that_cannot_be_read_is_bad_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--advisories", str(tmp_path / "nothing"), "--home", str(tmp_path)]) == 2
    assert "nothing cannot be read" in capsys.readouterr().err
