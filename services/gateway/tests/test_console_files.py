"""The files of the console: small, without a build step, and nothing in them that the strict policy refuses."""

from __future__ import annotations

import gzip
import re
from hashlib import sha256
from pathlib import Path

import queuebit_gateway

CONSOLE = Path(queuebit_gateway.__file__).parent / "console"
MOST_BYTES = 63_000
"""Of all files of the console, each compressed alone, but for those that are loaded on demand."""
ON_DEMAND = {"proof/post-quantum.js", "proof/receipt.js", "vendor/noble-ml-dsa.js"}
MOST_ON_DEMAND_BYTES = 30_000
VENDORED = {
    # the file `preact/standalone.module.js` of the package htm 3.1.1, which includes preact
    "vendor/htm-preact.js": "72284e8e9079c87817145df1110f74e8a2aa040b2fc384922e18dfcb46fc1fd7",
    # ML-DSA of the package @noble/post-quantum 0.7.1 with @noble/hashes 2.4.0 and @noble/curves 2.4.0, not minified:
    # echo 'export { ml_dsa44, ml_dsa65 } from "@noble/post-quantum/ml-dsa.js";' > entry.js
    # npx esbuild@0.28.2 entry.js --bundle --format=esm --target=es2022 --legal-comments=inline \
    #   --outfile=noble-ml-dsa.js
    "vendor/noble-ml-dsa.js": "d1e81dfaee31ff9ee513a02376643c4a72b728bb5b6e2cd8afb50f2bb0d0fc1d",
}


def served(*suffixes: str) -> list[Path]:
    return [it for it in sorted(CONSOLE.rglob("*")) if it.suffix in suffixes]


def test_the_console_stays_small() -> None:
    sizes = {
        str(it.relative_to(CONSOLE)): len(gzip.compress(it.read_bytes(), 9))
        for it in served(".js", ".css", ".html", ".svg")
    }
    later = sum(sizes.pop(it) for it in ON_DEMAND)
    total = sum(sizes.values())
    assert total < MOST_BYTES, f"the console has {total:,} bytes compressed, more than {MOST_BYTES:,}"
    assert later < MOST_ON_DEMAND_BYTES, f"{later:,} bytes are loaded on demand, more than {MOST_ON_DEMAND_BYTES:,}"


def test_what_is_loaded_on_demand_is_imported_by_no_module_at_its_start() -> None:
    """But for the modules that are loaded on demand themselves."""
    for file in served(".js"):
        if str(file.relative_to(CONSOLE)) not in ON_DEMAND:
            found = re.findall(r"^import .*? from \"(.+?)\";", file.read_text(), re.M)
            assert not {it.rpartition("/")[2] for it in found} & {it.rpartition("/")[2] for it in ON_DEMAND}, file.name


def test_vendored_files_are_unmodified_and_have_their_licences() -> None:
    assert {str(it.relative_to(CONSOLE)) for it in served(".js") if "vendor" in it.parts} == VENDORED.keys()
    for name, digest in VENDORED.items():
        assert sha256((CONSOLE / name).read_bytes()).hexdigest() == digest
    assert {it.name for it in served(".LICENSE")} == {"htm.LICENSE", "preact.LICENSE", "noble.LICENSE"}


def test_no_page_has_inline_code_or_a_foreign_address() -> None:
    page = (CONSOLE / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bon\w+=|\bstyle=", page)
    for file in (*served(".html", ".css"), *(it for it in served(".js") if "vendor" not in it.parts)):
        text = re.sub(r"https://(queuebit\.dev|in-toto\.io)/", "", file.read_text())  # names of types, never requested
        assert not re.search(r"https?://(?!www\.w3\.org/)", text), f"{file.name} names another server"
        assert not re.search(r"innerHTML|\beval\(|new Function|document\.cookie", text), file.name


def test_every_import_is_a_file_of_the_console() -> None:
    for file in served(".js"):
        for name in re.findall(r"^import .*? from \"(.+?)\";", file.read_text(), re.M):
            assert (file.parent / name).resolve().is_relative_to(CONSOLE), f"{file.name} imports {name}"
            assert (file.parent / name).is_file(), f"{file.name} imports {name}, which is missing"
