"""The tenants file: sentences for the person who edits it, and a page that names every key."""

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from queuebit_contracts.tenants import BadTenants, Budget, Grant, Issuer, Project, Tenant, Tenants, User, parse_tenants
from queuebit_contracts.topology import DECISIONS, PLATFORM

PAGE = Path(__file__).parents[2] / "docs" / "tenants.md"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[tenant.acme]\nmax_shot = 3", "tenant.acme.max_shot is not a key here: did you mean max_shots?"),
        ("[tenant.acme.user.ann]\nshare = 2", "user.ann.share is not a key here: there is role, keys"),
        ("[tenant.acme.project.p]\nbudgt = 2", "project.p.budgt is not a key here: did you mean budget?"),
        (
            '[tenant.acme.project.p]\nbackends = ["torino"]\nfallback = ["torino", "aer"]',
            "project.p is wrong: fallback names aer, which backends does not: add it to both, or to none",
        ),
        ('[tenant.acme.project.p]\nfallback = ["aer", "aer"]', "fallback names a backend twice: name each once"),
        ('[tenant.acme.project.p]\nfallback = ["A"]', "project.p.fallback.0 is not a plain name"),
        ("[tenants.acme]", "tenants is not a key here: did you mean tenant?"),
        (f"[tenant.acme]\nmax_active_jobs = {'9' * 30}", "max_active_jobs must be less than or equal to 1000000000"),
        (f"[tenant.acme]\nshare = {'9' * 5_000}", "the tenants file is not TOML"),
        (f"a = {'[' * 5_000}", "it nests too deeply"),
        ('[tenant."A B"]', "tenant.A B is not a plain name: use 1 to 64 lower-case letters"),
        ('[tenant."a\\u202eb"]', "is not a plain name"),
        ("[tenant.acme]\nmax_shots = 0", "tenant.acme.max_shots must be greater than or equal to 1"),
        ('[tenant.acme]\nmax_shots = "many"', "tenant.acme.max_shots must be a whole number"),
        ("[tenant]\nacme = 3", "tenant.acme must be a table"),
        ('[tenant.acme.project.p]\nbudget = "-1"', "budget is wrong: a budget cannot be negative"),
        ('[tenant.acme.project.p]\nbudget = "1e3"', 'budget is not an amount: write it like "250" or "12.50"'),
        (
            '[tenant.acme.project.p]\nobjective = "speed"',
            "project.p.objective must be 'cost', 'time', 'fidelity' or 'balanced'",
        ),
        (
            '[tenant.acme.workload_class.c]\nobjective = "speed"',
            "workload_class.c.objective must be 'cost', 'time', 'fidelity' or 'balanced'",
        ),
        ('[tenant.acme.project.p]\ncurrency = "usd"', "currency is not a currency: write three capital letters"),
        ('[tenant.acme.user.ann]\nrole = "boss"', "role must be 'finance', 'viewer', 'submitter'"),
        ('[tenant.acme.user.ann]\nkeys = ["x"]', "keys.0 is not the public half of a token"),
        ('[tenant.acme.budget."user"]\namount = "1"', 'is not the name of a budget: use "tenant", "project:NAME"'),
        ('[tenant.acme.grant.g]\nproject = "p"\namount = "1"', "and there is no such project"),
        ('[tenant.acme.budget.tenant]\nwindow = "week"', 'window is not a window: write "lifetime", "month"'),
        ('[tenant.acme.budget.tenant]\nwindow = "367d"', "is not a window"),
        ('[tenant.acme.budget.tenant]\nwarn_at = ["1.1"]', 'a share is above 0 and at most 1, such as "0.8"'),
        ('[tenant.acme.budget.tenant]\nwarn_at = ["half"]', 'is not a share: write it like "0.8"'),
        ('[tenant.acme.budget.tenant]\namount = "-1"', "amount is wrong: a budget cannot be negative"),
        (
            '[tenant.acme.budget.tenant]\nlimit = "1"',
            "budget.tenant.limit is not a key here: there is amount, currency, window, soft, warn_at",
        ),
    ],
)
def test_a_mistake_in_the_tenants_file_is_reported_in_plain_words(text: str, sentence: str) -> None:
    with pytest.raises(BadTenants) as caught:
        parse_tenants(text)
    assert sentence in str(caught.value)
    assert "^" not in str(caught.value), "a pattern is no sentence"


@pytest.mark.parametrize("name", [PLATFORM, DECISIONS])
def test_no_tenant_bears_a_name_under_which_the_platform_keeps_content(name: str) -> None:
    assert "the platform's own" in str(Tenants().refusal(name))


SECTIONS = [
    (Tenant, "NAME]"),
    (Project, "project.NAME]"),
    (User, "user.NAME]"),
    (Budget, "budget.WHAT]"),
    (Grant, "grant.NAME]"),
    (Issuer, "issuer.NAME]"),
]


@pytest.mark.parametrize(("kind", "title"), SECTIONS)
def test_the_page_of_the_tenants_file_names_every_key_with_its_default(kind: type[BaseModel], title: str) -> None:
    section = next(part for part in PAGE.read_text().split("\n## ") if part.split("`")[1].endswith(f".{title}"))
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", section, re.MULTILINE)
    output = {name: default.replace(",", "").strip('"') for name, default in rows if name in kind.model_fields}
    own = {name: it for name, it in kind.model_fields.items() if it.default_factory is None}
    assert output.keys() == own.keys()
    for name, field in own.items():
        default = "required" if field.is_required() else field.default
        if isinstance(default, bool | tuple):
            default = json.dumps(default).replace(",", "")
        assert output[name] == ("none" if default is None else str(default)), name


def test_the_example_on_the_page_can_be_used() -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert example is not None
    assert parse_tenants(example[1]).tenant["acme"].max_shots == 20_000
