"""Documents are read safely, and each problem names its file, its line, its field and what to do."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from queuebit_documents.errors import BadDocuments
from queuebit_documents.parsed import MAX_BYTES
from queuebit_gitops.documents import Source, Wanted, read
from queuebit_gitops.folder import sources_in
from queuebit_gitops.kinds import KINDS
from queuebit_gitops.writing import to_toml, to_yaml

ROOT = Path(__file__).parents[3]
CONTRACTS = ROOT / "contracts"
EXAMPLE = ROOT / "examples" / "gitops"


def wanted(name: str, text: str) -> Wanted:
    kind = name.partition(".")[0]
    return read([Source(kind, name, text)])[kind]


def problems(*files: tuple[str, str]) -> list[str]:
    with pytest.raises(BadDocuments) as caught:
        read([Source(name.partition(".")[0].partition("/")[0], name, text) for name, text in files])
    return [str(it) for it in caught.value.problems]


SERVICE = "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: jobs}\n"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("tenants.toml", "\n[tenant.acme]\nshare = 0\n", "tenants.toml:3: tenant.acme.share must be greater"),
        ("tenants.toml", "[tenant.acme]\nshares = 2\n", "tenants.toml:2: tenant.acme.shares is not a key here"),
        ("tenants.toml", "[tenant.acme]\n[tenant.acme.project.main]\nbudget = 9.5\n", ":3: tenant.acme.project.main"),
        ("tenants.yaml", "tenant:\n  acme:\n    share: many\n", "tenants.yaml:3: tenant.acme.share must be a whole"),
        ("tenants.yaml", "tenant:\n  acme:\n    user:\n      ann: {role: boss}\n", ":4: tenant.acme.user.ann.role"),
        ("tenants.yaml", f"tenant:\n  a: {{user: {{b: {{keys: [U{'A' * 55}]}}}}}}\n", ":2: tenant.a.user.b.keys.0 has"),
        ("tenants.toml", 'removed = ["acme"]\n[tenant.acme]\n', "no tenant may be called acme"),
        ("tenants.toml", "[tenant.acme]\nshare = 1\nshare = 2\n", "tenants.toml:3: is not TOML: Cannot overwrite"),
        ("tenants.toml", "[tenant\n", "tenants.toml:1: is not TOML"),
        ("tenants.yaml", "tenant:\n  a: {}\n  a: {}\n", "tenants.yaml:3: has tenant.a twice"),
        ("tenants.yaml", "tenant: &x {}\n", "tenants.yaml:1: has anchors or aliases, which are not read"),
        ("tenants.yaml", "tenant: *x\n", "tenants.yaml:1: has anchors or aliases, which are not read"),
        ("tenants.yaml", "<<: {}\n", "tenants.yaml:1: has a key that is no text"),
        ("tenants.yaml", "tenant: !!python/object/apply:os.abort []\n", "tenants.yaml:1: tenant has the tag"),
        ("tenants.yaml", "tenant: !x y\n", "tenants.yaml:1: has the tag !x: leave it out"),
        ("tenants.yaml", "- a\n", "tenants.yaml:1: must be a table"),
        ("tenants.yaml", "--- {}\n--- {}\n", "tenants.yaml:2: has a second document"),
        ("tenants.yaml", "tenant: " + "[" * 99 + "]" * 99 + "\n", "nests more than 32 levels deep"),
        ("tenants.yaml", "tenant: " + "[" * 20_000 + "\n", "nests too deeply"),
        ("tenants.toml", "a = " + "[" * 20_000 + "\n", "nests too deeply"),
        ("tenants.yaml", "tenant: " + "9" * 5000 + "\n", "too long for a number"),
        ("tenants.toml", "# " + "x" * MAX_BYTES, "tenants.toml: has 1,048,578 bytes, and a file at most 1,048,576"),
        ("tenants.toml", " \n", "tenants.toml: is empty: delete it"),
        ("slos.toml", "window_days = 0\n", "slos.toml: is TOML, and slos are OpenSLO documents in YAML"),
        ("slos.yaml", "slo: {}\n", "slos.yaml:1: kind None is none of OpenSLO: use one of Service"),
        ("slos.yaml", f"---\n{SERVICE}---\n{SERVICE}", "slos.yaml:6: Service jobs is in slos.yaml:2 too: keep one"),
        ("slos.yaml", SERVICE.replace("jobs", "j obs"), "slos.yaml:3: Service.j obs.metadata.name"),
        ("services.toml", "[service.schedular]\n", ":1: service.schedular is not a key here: did you mean sch"),
        ("services.toml", "[service.broker]\nworkrs = 1\n", "services.toml:2: service.broker.workrs is not a key here"),
        ("services.toml", "[service.scheduler]\nsilence_s = inf\n", ":2: service.scheduler.silence_s must be a finite"),
        ("backends.toml", "[stack.aer]\nslots = 0\n", "backends.toml:2: stack.aer.slots must be greater"),
        ("pricebook.toml", 'version = "x"\n', "pricebook.toml:1: version: write the date of the edition"),
        ("pricebook.toml", 'version = "2026-11-01"\n[[price]]\nid = "a"\n[[price]]\nid = 7\n', ":5: price 2"),
    ],
)  # fmt: skip
def test_a_problem_names_its_place_and_what_to_do(name: str, text: str, said: str) -> None:
    assert any(said in it for it in problems((name, text))), problems((name, text))


def test_all_problems_of_all_files_are_listed() -> None:
    found = problems(("tenants.toml", "[tenant.a]\nshare=0\nmax_shots=0\n"), ("slos.toml", ""), ("backends.yaml", "[]"))
    assert [it.partition(" ")[0] for it in found] == [
        "tenants.toml:2:",
        "tenants.toml:3:",
        "slos.toml:",
        "backends.yaml:1:",
    ]


def test_an_entry_is_in_one_file_alone_and_a_problem_is_found_in_its_own() -> None:
    one, two = ("tenants/a.toml", "[tenant.a]\n"), ("tenants/b.yaml", "tenant:\n  b: {share: 2}\n")
    assert list(read([Source("tenants", *one), Source("tenants", *two)])["tenants"].document["tenant"]) == ["a", "b"]
    assert problems(one, ("tenants/b.yaml", "tenant:\n\n  a: {}\n")) == [
        "tenants/b.yaml:3: tenant.a is in tenants/a.toml:1 too: keep one of the two"
    ]
    assert problems(one, ("tenants/b.toml", "[tenant.b]\nshare = 0\n"))[0].startswith(
        "tenants/b.toml:2: tenant.b.share"
    )


def test_a_yaml_word_or_date_is_a_text_and_a_number_is_decimal() -> None:
    text = "stack:\n  aer: {slots: 8, environment: {A: 'yes', B: on, C: 2026-11-01, D: 010, E: 0x1f, F: 12:30}}\n"
    values = wanted("backends.yaml", text).document["stack"]["aer"]
    assert values["environment"] == {"A": "yes", "B": "on", "C": "2026-11-01", "D": "010", "E": "0x1f", "F": "12:30"}
    assert values["slots"] == 8


def test_objectives_are_written_and_read_as_openslo_and_fit_their_published_schema() -> None:
    (source,) = [it for it in sources_in(EXAMPLE) if it.kind == "slos"]
    document = read([source])["slos"].document
    text = KINDS["slos"].write(document) if KINDS["slos"].write else ""
    assert wanted("slos.yaml", text).document == document
    schema = Draft202012Validator(json.loads((CONTRACTS / "documents" / "slos.schema.json").read_text()))
    for one in (*yaml.safe_load_all(text), *yaml.safe_load_all(source.text)):
        schema.validate(one)
        assert not schema.is_valid({**one, "unknown": 1})


@pytest.mark.parametrize("kind", [it.name for it in KINDS.values() if it.write is None])
def test_what_is_written_is_read_again_and_fits_its_published_schema(kind: str) -> None:
    (source,) = [it for it in sources_in(EXAMPLE) if it.kind == kind]
    document = read([source])[kind].document
    assert wanted(f"{kind}.toml", to_toml(document)).document == document
    assert wanted(f"{kind}.yaml", to_yaml(document)).document == document
    folder = CONTRACTS / ("pricebook" if kind == "pricebook" else "documents")
    schema = Draft202012Validator(json.loads((folder / f"{kind}.schema.json").read_text()))
    schema.validate(document)
    raw = tomllib.loads(source.text) if source.is_toml else yaml.safe_load(source.text)
    schema.validate(json.loads(json.dumps(raw, default=str)))
    assert not schema.is_valid({**document, "unknown": 1})


def test_a_folder_is_read_by_the_names_of_its_files(tmp_path: Path) -> None:
    def said() -> str:
        with pytest.raises(BadDocuments) as caught:
            sources_in(tmp_path)
        return str(caught.value)

    assert "has no documents: write one of tenants.toml, pricebook.toml, slos.yaml" in said()
    (tmp_path / "README.md").write_text("read me")
    (tmp_path / ".github.yml").write_text("on: push")
    (tmp_path / "tenants").mkdir()
    (tmp_path / "tenants" / "acme.yml").write_text("tenant: {acme: {}}\n")
    (tmp_path / "slos.yaml").write_text("window_days: 30\n")
    assert [(it.kind, Path(it.name).name) for it in sources_in(tmp_path)] == [
        ("slos", "slos.yaml"),
        ("tenants", "acme.yml"),
    ]
    assert [it.kind for it in sources_in(tmp_path / "slos.yaml")] == ["slos"]
    (tmp_path / "slo.toml").write_text("")
    assert "slo.toml: is no kind of document: did you mean slos.toml?" in said()
    (tmp_path / "slo.toml").write_bytes(b"\xff")
    (tmp_path / "slo.toml").rename(tmp_path / "backends.toml")
    assert "backends.toml: cannot be read" in said()
    (tmp_path / "backends.toml").unlink()
    os.mkfifo(tmp_path / "backends.toml")
    assert "backends.toml: is no regular file" in said(), "a pipe would be read for ever"
    with pytest.raises(BadDocuments, match="does not exist"):
        sources_in(tmp_path / "nowhere")
