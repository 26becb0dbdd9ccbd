"""Ten tasks of a person in the web console: Chromium, and the gateway of a running stack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from queuebit_testing.chromium import browser, needs_chromium, watched
from queuebit_testing.embedded import EmbeddedStack

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.stack, needs_chromium]

BELL = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\nh q[0];\ncx q[0], q[1];\nc = measure q;\n'
TEAM = "looking"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def folder(stack: EmbeddedStack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Circuits; their team has a viewer, too."""
    folder = tmp_path_factory.mktemp("circuits")
    (folder / "bell.qasm").write_text(BELL)
    (folder / "wrong.qasm").write_text(BELL.replace("h q[0]", "hh q[0]"))
    stack.qb("tenant", "add", TEAM, "--budget", "100")
    stack.qb("tenant", "user", "add", TEAM, "eve", "--role", "viewer")
    return folder


def open_as(stack: EmbeddedStack, chromium: Browser, user: str, log: list[str]) -> Page:
    """A page that `qb console` has logged in."""
    url = stack.ask("console", "--no-open", "--tenant", TEAM, "--user", user)["url"]
    base = url.partition("/console/")[0]
    page = chromium.new_page(base_url=base, viewport={"width": 1280, "height": 900})
    watched(page, log)
    page.goto(url)
    page.get_by_role("heading", name="Objectives").wait_for()
    return page


@pytest.fixture(scope="module")
def log() -> list[str]:
    return []


@pytest.fixture(scope="module")
def page(stack: EmbeddedStack, chromium: Browser, folder: Path, log: list[str]) -> Page:
    del folder  # the team exists
    return open_as(stack, chromium, "me", log)


def submit(stack: EmbeddedStack, file: Path, *words: str, accept: tuple[int, ...] = (0,)) -> dict[str, Any]:
    (found,) = stack.submit(str(file), "--tenant", TEAM, "--user", "me", *words, accept=accept)
    return found


def test_a_person_follows_a_job_from_the_list_to_its_proof(
    stack: EmbeddedStack, page: Page, folder: Path, log: list[str]
) -> None:
    # 1: logged in, and the token is no longer in the address
    assert "token" not in page.url
    assert page.get_by_text(TEAM).first.is_visible()
    # 2: sees a job of another program arrive and end, without touching the page
    page.get_by_role("link", name="Jobs", exact=True).click()
    page.locator(".live.live").wait_for()
    job = submit(stack, folder / "bell.qasm", "--backend", "emulated-ibm-manila", "--tag", "paper")
    row = page.locator("tr", has_text=job["job"][:10])
    row.get_by_text("completed").wait_for()
    # 3: finds it by its label, and a colleague opens the same address
    page.get_by_label("Search by label or id").fill("bell")
    page.wait_for_url("**/console/jobs?label=bell")
    page.reload()
    page.locator("tr", has_text=job["job"][:10]).click()
    page.get_by_role("heading", name="bell").wait_for()
    # 4: why it lies where it lies
    page.get_by_text("it was the only").wait_for()
    # 5: what came out, beside what should have come out
    page.get_by_text("total variation from the exact distribution").wait_for()
    assert page.get_by_role("img", name="2 qubits, 4 operations").is_visible()
    # 6: what it cost, to the last digit
    page.get_by_text(f"{job['charge']['amount']} USD").first.wait_for()
    bill = page.get_by_role("table", name="Lines of the bill").inner_text()
    assert "Seconds" in bill
    assert not {"task", "shot", "second", "qubit_second"} & {*bill.split()}, "each component is named once, by its unit"
    # 7: that all of this is true
    page.get_by_role("button", name="Verify both signatures").click()
    page.get_by_role("status").get_by_text("Valid", exact=True).wait_for()
    page.get_by_text("signed with Ed25519 and ML-DSA-65").wait_for()
    page.locator(".checks li.good").nth(5).wait_for()
    assert page.locator(".checks li.good").count() == 6
    assert log == []


def test_a_person_on_call_finds_the_reason_of_a_failure(
    stack: EmbeddedStack, page: Page, folder: Path, log: list[str]
) -> None:
    # 8: what is wrong, and why
    wrong = submit(stack, folder / "wrong.qasm", accept=(3,))
    page.goto("/console/oncall")
    page.get_by_role("region", name="Needs attention").wait_for()
    page.get_by_role("link", name=wrong["job"][:10]).click()
    page.locator(".why", has_text="gate 'hh' is not defined").wait_for()
    assert log == []


def test_a_person_who_pays_sees_where_money_and_quality_are(
    stack: EmbeddedStack, page: Page, folder: Path, log: list[str]
) -> None:
    submit(stack, folder / "bell.qasm", "--tag", "poster")
    # 9: what is left, and which tag spent it
    page.goto("/console/billing?by=tag")
    page.get_by_role("cell", name="poster").wait_for()
    page.get_by_role("row", name=re.compile("main.*100.00 USD")).wait_for()
    # 10: which backend is good today
    page.goto("/console/fleet/emulated-ibm-manila")
    page.get_by_role("img", name="5 qubits and 4 couplers").wait_for()
    assert log == []


def test_an_admin_ends_a_key_and_finds_it_in_the_audit(stack: EmbeddedStack, chromium: Browser, folder: Path) -> None:
    del folder  # the team exists
    log: list[str] = []
    page = open_as(stack, chromium, "me", log)
    made = stack.ask("token", "--tenant", TEAM, "--user", "eve")
    page.goto("/console/admin")
    row = page.locator("tr", has_text=made["delegation"][:10]).first
    row.get_by_role("button", name="Revoke").click()
    row.get_by_text("me revoked it").wait_for()
    page.goto("/console/admin?action=keys")
    page.get_by_text("delegation.revoke").first.wait_for()
    page.goto("/console/admin?action=roles")
    page.get_by_text("viewer with 1 key").wait_for()
    page.goto("/console/oncall")
    page.get_by_text("Every message of this tenant was handled").wait_for()
    page.locator("tr", has_text="aer").get_by_text("answers").first.wait_for()
    assert log == []


def test_a_viewer_reads_jobs_and_no_keys_and_a_stranger_nothing(
    stack: EmbeddedStack, chromium: Browser, folder: Path
) -> None:
    del folder  # the team exists
    log: list[str] = []
    page = open_as(stack, chromium, "eve", log)
    page.goto("/console/admin")
    page.get_by_text("Users and their keys are shown to admins").wait_for()
    page.goto("/console/oncall")
    page.get_by_text("Dead letters are shown to admins").wait_for()
    assert log == []
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Or paste one").fill("qbt_nonsense")
    page.get_by_role("button", name="Open").click()
    page.get_by_role("alert").wait_for()
