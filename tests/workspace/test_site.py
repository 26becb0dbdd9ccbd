"""Pages of the documentation site: their links lead to pages of the site, and its menu names only pages that exist."""

from docs.site.pages import absent, page_of, relinked

PAGES = {
    it: page for it in ("README.md", "docs/a.md", "docs/adr/README.md", "libs/sdk/README.md") if (page := page_of(it))
}


def test_links_lead_from_page_to_page() -> None:
    assert relinked("[sdk](libs/sdk/README.md#x)", "README.md", PAGES) == "[sdk](members/sdk.md#x)"
    assert relinked("[decisions](adr)", "docs/a.md", PAGES) == "[decisions](adr/index.md)"
    assert (
        relinked("[a](../a.md) [top](../../README.md)", "docs/adr/README.md", PAGES)
        == "[a](../a.md) [top](../index.md)"
    )


def test_images_come_along() -> None:
    assert relinked("![x](docs/images/x.webp)", "README.md", PAGES) == "![x](images/x.webp)"
    assert relinked("![x](../images/x.webp)", "docs/adr/README.md", PAGES) == "![x](../images/x.webp)"


def test_what_is_no_page_is_named_by_its_path() -> None:
    assert relinked("[the parser](../libs/cli/parser.py)", "docs/a.md", PAGES) == "the parser (`libs/cli/parser.py`)"
    assert relinked("[`libs/`](../libs)", "docs/a.md", PAGES) == "`libs/`"


def test_code_and_addresses_stay() -> None:
    text = "```sh\n[a](b.md)\n```\n[rfc](https://example.org/x) [here](#below)"
    assert relinked(text, "docs/a.md", PAGES) == text


def test_a_menu_that_names_no_page_is_noticed() -> None:
    assert absent([{"A": ["a.md", {"B": "b.md"}]}], {"a.md"}) == ["b.md"]
