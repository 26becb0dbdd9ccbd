"""`qb tenant namespaces`: annotations of namespaces become entries of issuers, which decide on tokens of pods."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from queuebit_cli.main import main
from queuebit_contracts.issuers import Issuer, match_claims
from queuebit_contracts.tenants import parse_tenants
from queuebit_stack.bootstrap import bootstrap
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home
from queuebit_stack.namespaces import Cluster, issuers_of, read_namespaces
from queuebit_testing.issuer import TestIssuer

URL = "https://kubernetes.default.svc.cluster.local"
CLUSTER = Cluster("kubernetes", URL, {"jwks_url": f"{URL}/openid/v1/jwks"})
CLAIMS = {
    "iss": URL,
    "sub": "system:serviceaccount:chem-prod:runner",
    "kubernetes.io": {
        "namespace": "chem-prod",
        "node": {"name": "node-7", "uid": "8f0a1c9e-2f5b-4b57-9a3f-0f6d7a1f8e11"},
        "pod": {"name": "runner-5d8f", "uid": "1ad6a5b0-5d52-4b8b-93d9-d3b1c1f0c3aa"},
        "serviceaccount": {"name": "runner", "uid": "77d0cf4d-5e70-4f0e-8d8c-2f7d0f3b6a10"},
    },
}
"""A token of a pod, as a cluster of version 1.32 issues it."""


def listed(**annotations: Mapping[str, str]) -> str:
    """What kubectl prints."""
    items = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name.replace("_", "-"), "annotations": dict(it)}}
        for name, it in annotations.items()
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [*items, {"metadata": {"name": "kube-system"}}]})


def test_a_namespace_is_a_tenant_with_a_project() -> None:
    text = listed(chem_prod={"queuebit/tenant": "acme", "queuebit/project": "chem"}, other={"team": "x"})
    (issuer,) = issuers_of(read_namespaces(text), CLUSTER)["acme"].values()
    assert (issuer.audience, issuer.scope) == ("queuebit:acme", "submit")
    assert match_claims(issuer, CLAIMS) == {"user": "kubernetes", "project": "chem"}


@pytest.mark.parametrize("misspelt", ["service-account", "projct"])
def test_an_annotation_that_is_misspelt_is_refused(misspelt: str) -> None:
    text = listed(chem={"queuebit/tenant": "acme", f"queuebit/{misspelt}": "x"})
    with pytest.raises(ValueError, match=f"namespace chem: queuebit/{misspelt}"):
        read_namespaces(text)


def test_two_namespaces_never_have_one_entry() -> None:
    tenant = {"queuebit/tenant": "acme"}
    text = listed(a={**tenant, "queuebit/service-accounts": "b"}, a_b=tenant)
    with pytest.raises(ValueError, match="namespace a-b: another one has the entry kubernetes-a-b"):
        issuers_of(read_namespaces(text), CLUSTER)


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "system:serviceaccount:chem-prod2:runner"},
        {"sub": "system:serviceaccount:chem:runner"},
        {"sub": "system:serviceaccount:x:chem-prod:runner"},
        {"sub": "chem-prod:runner"},
        {"kubernetes.io": {"namespace": "chem-prod", "serviceaccount": {"name": "runner"}}},
        {"kubernetes.io": None},
    ],
)
def test_a_token_of_elsewhere_or_without_a_pod_is_none(changes: dict[str, object]) -> None:
    (issuer,) = issuers_of(read_namespaces(listed(chem_prod={"queuebit/tenant": "acme"})), CLUSTER)["acme"].values()
    assert isinstance(match_claims(issuer, CLAIMS), dict)
    assert not isinstance(match_claims(issuer, {**CLAIMS, **changes}), dict)


def test_only_the_service_accounts_that_are_listed() -> None:
    annotations = {"queuebit/tenant": "acme", "queuebit/service-accounts": "runner, nightly", "queuebit/scope": "read"}
    found = issuers_of(read_namespaces(listed(chem_prod=annotations)), CLUSTER)["acme"]
    assert [*found] == ["kubernetes-chem-prod-runner", "kubernetes-chem-prod-nightly"]
    fits = {name: isinstance(match_claims(it, CLAIMS), dict) for name, it in found.items()}
    assert fits == {"kubernetes-chem-prod-runner": True, "kubernetes-chem-prod-nightly": False}
    assert {it.scope for it in found.values()} == {"read"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "not the output of `kubectl"),
        ("no JSON", "not the output of `kubectl"),
        ('{"items": [1]}', "not the output of `kubectl"),
        (listed(chem={"queuebit/tenant": "no tenant"}), "namespace chem: queuebit/tenant"),
        (listed(chem={"queuebit/tenant": "acme", "queuebit/service-accounts": "*"}), "queuebit/service-accounts"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("*", r"\*")):
        read_namespaces(text)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose stack is down, with a user for pods."""
    home = Home(tmp_path / "home")
    bootstrap(home)
    with home.tenants_file.open("a") as file:
        file.write("[tenant.demo.user.kubernetes]\n")
    return home


@pytest.fixture
def run(home: Home, tmp_path: Path) -> Callable[[str], int]:
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps(TestIssuer().jwks()))
    file = tmp_path / "namespaces.json"

    def run(text: str) -> int:
        file.write_text(text)
        options: list[Any] = ["--issuer", URL, "--jwks", str(keys), "--home", str(home.root)]
        return main(["tenant", "namespaces", str(file), *options])

    return run


def entries(home: Home) -> Mapping[str, Issuer]:
    return parse_tenants(home.tenants_file.read_text()).tenant["demo"].issuer


def test_the_entries_follow_the_annotations(run: Callable[[str], int], home: Home) -> None:
    with home.tenants_file.open("a") as file:
        file.write(f"""
[tenant.demo.issuer.kubernetes-own]
url = "https://other.example.org"
audience = "queuebit:demo"
jwks_url = "https://other.example.org/keys"
claims = {{ sub = "x" }}
user = "me"
[tenant.demo.issuer.by-hand]
url = "{URL}"
audience = "queuebit:demo"
jwks_url = "{URL}/openid/v1/jwks"
claims = {{ sub = "y" }}
user = "me"
""")
    kept = {"kubernetes-own", "by-hand"}
    assert run(listed(chem={"queuebit/tenant": "demo"}, opt={"queuebit/tenant": "demo"})) == Exit.DONE
    assert set(entries(home)) == {"kubernetes-chem", "kubernetes-opt", *kept}
    assert run(listed(opt={"queuebit/tenant": "demo", "queuebit/project": "playground"})) == Exit.DONE
    assert set(entries(home)) == {"kubernetes-opt", *kept}
    assert entries(home)["kubernetes-opt"].project == "playground"
    assert "# Who may use this stack" in home.tenants_file.read_text()
    assert run(listed()) == Exit.DONE
    assert set(entries(home)) == kept


def test_an_unknown_tenant_user_or_project_changes_nothing(
    run: Callable[[str], int], home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    before = home.tenants_file.read_text()
    assert run(listed(chem={"queuebit/tenant": "demos"})) == Exit.REFUSED
    assert "did you mean demo?" in capsys.readouterr().err
    assert run(listed(chem={"queuebit/tenant": "demo", "queuebit/user": "nn"})) == Exit.REFUSED
    assert run(listed(chem={"queuebit/tenant": "demo", "queuebit/project": "nn"})) == Exit.REFUSED
    assert home.tenants_file.read_text() == before
