"""Every page of the console in Chromium, light and dark, wide and narrow, on made-up answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from queuebit_testing.chromium import browser, findings, needs_chromium, watched

from .console_stub import STATUS, Stub, name_of, serving

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.server, needs_chromium]

PAGES = {
    "": "Objectives",
    "oncall": "the run took longer",
    "jobs": "circuit 3",
    f"jobs/{name_of(1)}": "Bill",
    "fleet": "emulated-ibm-manila",
    "fleet/emulated-ibm-manila": "since the one before",
    "reservations": "vqe demo",
    "billing": "tuning",
    "invoices": "acme-2026-10",
    "invoices/acme-2026-11": "Corrections of 2026-10",
    "admin": "wrong angle",
}


BOTH = re.compile(r"label=circuit\+1&state=completed$")


@pytest.fixture(scope="module")
def stub() -> Stub:
    return Stub()


@pytest.fixture(scope="module")
def address(stub: Stub) -> Iterator[str]:
    with serving(stub) as address:
        yield address


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Page]:
    with browser() as chromium:
        page = chromium.new_page(base_url=address, viewport={"width": 1280, "height": 900})
        yield page


@pytest.fixture
def log(page: Page) -> list[str]:
    found: list[str] = []
    watched(page, found)
    return found


def test_each_page_is_accessible_light_and_dark_and_logs_nothing(page: Page, log: list[str]) -> None:
    grave: dict[str, list[str]] = {}
    for path, content in PAGES.items():
        page.goto(f"/console/{path}")
        page.get_by_text(content).first.wait_for()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            if found := findings(page):
                grave[f"{path} {scheme}"] = found
    assert grave == {}
    assert log == []


def test_a_narrow_screen_scrolls_down_only(page: Page, log: list[str]) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for path, content in PAGES.items():
        page.goto(f"/console/{path}")
        page.get_by_text(content).first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    page.set_viewport_size({"width": 1280, "height": 900})
    assert log == []


def test_an_invoice_is_opened_and_saved_as_each_kind_of_file(page: Page, log: list[str]) -> None:
    page.goto("/console/")
    page.get_by_role("heading", name="Objectives").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.get_by_role("link", name="acme-2026-11").click()
    page.wait_for_url("**/console/invoices/acme-2026-11")
    page.get_by_role("heading", name="Agreements of 2026-11").wait_for()
    names = []
    for form in ("PDF", "CSV", "JSON", "FOCUS"):
        with page.expect_download() as saved:
            page.get_by_role("button", name=f"Download as {form}").click()
        names.append(saved.value.suggested_filename)
    assert names == [f"acme-2026-11{it}" for it in (".pdf", ".csv", ".json", "-focus.csv")]
    assert log == []


def test_a_slot_is_priced_booked_and_cancelled(page: Page, log: list[str]) -> None:
    page.goto("/console/")
    page.get_by_role("heading", name="Objectives").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.get_by_text("25 min used, 4 min 40 s idle, 20 s not available").wait_for()
    page.get_by_label("From").fill("2026-12-01T09:00")
    with page.expect_request("**/v1/reservations") as priced:
        page.get_by_role("button", name="What it costs").click()
    page.get_by_text("It would hold 2,880.00 USD.").wait_for()
    asked = priced.value.post_data_json or {}
    assert (asked["backend"], asked["project"], asked["dry_run"]) == ("aer", "main", True)
    page.get_by_role("button", name="Book", exact=True).click()
    page.get_by_text("Booked: it holds 2,880.00 USD.").wait_for()
    with page.expect_request("**/v1/reservations/rslot00000000000000a:cancel"):
        page.get_by_role("button", name="Cancel").click()
    assert log == []


def test_an_event_changes_its_row_and_a_long_list_draws_what_is_in_sight(
    page: Page, stub: Stub, log: list[str]
) -> None:
    page.goto("/console/jobs")
    page.get_by_text("circuit 3", exact=True).wait_for()
    stub.push("job.submitted", {"job": "jnew", "project": "main", "label": "quite new", "shots": 7})
    row = page.locator("tr", has_text="quite new")
    row.get_by_text("submitted").wait_for()
    for name in ("accepted", "started"):
        stub.push(f"job.{name}", {"job": "jnew", "backend": "aer"})
    row.get_by_text("started").wait_for()
    for rows in (1_000, 1_500):  # the next page is read when the end comes near
        page.locator(".long").evaluate("it => { it.scrollTop = it.scrollHeight }")
        page.locator(f"table[aria-rowcount='{rows + 1}']").wait_for()
    assert page.locator("tbody tr").count() < 80
    assert log == []


def test_keys_move_and_open_and_filters_are_in_the_address(page: Page, log: list[str]) -> None:
    page.goto("/console/")
    page.get_by_role("heading", name="Objectives").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url("**/console/jobs")
    page.get_by_text("circuit 3", exact=True).wait_for()
    page.keyboard.press("/")
    page.keyboard.type("circuit 1")
    page.wait_for_url("**/console/jobs?label=circuit+1")
    page.keyboard.press("Escape")
    page.get_by_label("State").select_option("completed")
    page.wait_for_url(BOTH)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.locator("tr.cursor").count() == 1
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/jobs/j*")
    page.get_by_role("heading", name="bell").wait_for()
    page.go_back()
    page.get_by_text("circuit 1", exact=True).wait_for()
    page.wait_for_url(BOTH)
    page.keyboard.press("?")
    page.get_by_role("dialog").get_by_text("next, previous row").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") in ("light", "dark")
    assert log == []


def test_an_admin_ends_a_key_and_filters_the_audit(page: Page, log: list[str]) -> None:
    page.route("**/v1/delegations/*:revoke", lambda it: it.fulfill(json={}))
    page.goto("/console/admin")
    with page.expect_request("**/v1/delegations/d2abcdefghij:revoke") as asked:
        page.locator("tr", has_text="d2abcdefgh").get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Revoking").wait_for()
    assert asked.value.method == "POST"
    with page.expect_request("**/v1/audit?action=keys"):
        page.locator("label", has_text="Keys").click()
    with page.expect_request("**/v1/audit?action=keys&actor=ada"):
        page.get_by_label("Actor").fill("ada")
        page.keyboard.press("Enter")
    page.wait_for_url("**/console/admin?action=keys&actor=ada")
    page.unroute_all()
    assert log == []


@pytest.mark.parametrize("role", ["viewer", "submitter"])
def test_who_may_not_see_them_asks_for_no_dead_letters_and_no_audit(page: Page, log: list[str], role: str) -> None:
    asked: list[str] = []
    page.route("**/v1/me", lambda it: it.fulfill(json={"tenant": "acme", "user": "ann", "role": role}))
    page.on("request", lambda it: asked.append(it.url))
    for path, text in (("oncall", "Dead letters are shown to admins"), ("admin", "Delegated keys")):
        page.goto(f"/console/{path}")
        page.get_by_text(text).first.wait_for()
    page.get_by_text("d2abcdefgh").wait_for()
    assert page.get_by_role("button", name="Revoke").count() == 0
    assert [it for it in asked if "dead-letters" in it or "audit" in it] == []
    page.unroute_all()
    assert log == []


def test_filters_are_kept_for_the_next_time(page: Page, log: list[str]) -> None:
    page.goto("/console/jobs?state=failed&backend=aer")
    page.get_by_role("button", name="Save").click()
    page.goto("/console/jobs")
    page.get_by_role("link", name="Failed, aer").click()
    page.wait_for_url("**/console/jobs?state=failed&backend=aer")
    page.get_by_role("button", name="Forget Failed, aer").click()
    page.reload()
    page.get_by_role("heading", name="Jobs").wait_for()
    assert page.get_by_role("link", name="Failed, aer").count() == 0
    assert log == []


def test_a_view_is_code_as_well(page: Page, log: list[str]) -> None:
    page.goto("/console/jobs?state=failed")
    page.get_by_role("button", name="As code").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("/v1/jobs?state=failed&limit=500").wait_for()
    dialog.get_by_role("tab", name="SQL").click()
    dialog.get_by_text("state IN ('failed')").wait_for()
    dialog.get_by_role("tab", name="Python").click()
    dialog.get_by_text("with Client() as client").wait_for()
    assert log == []


@pytest.mark.parametrize(
    ("state", "title"),
    [
        ("started", "Why there"),
        ("rejected", "Why it was rejected"),
        ("failed", "Why it failed"),
        ("placed", "Why it waits"),
    ],
)
def test_the_reasons_of_a_job_have_a_heading_that_says_of_what(
    page: Page, log: list[str], state: str, title: str
) -> None:
    page.route(f"**/v1/jobs/{name_of(1)}", lambda route: route.fulfill(json={**STATUS, "state": state}))
    page.goto(f"/console/jobs/{name_of(1)}")
    page.get_by_role("heading", name=title, exact=True).wait_for()
    page.unroute_all()
    assert log == []
