"""`make docs`: build the site, or check that it builds. The first argument is the folder for it.

The sources of the site are written beside it, so that a page can be looked at as the generator reads it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from docs.site.pages import ASSETS, absent, page_of, relinked
from docs.site.reference import REFERENCE

_ROOT = Path(__file__).parents[2]
_FOLDERS = ("docs", "contracts", "libs", "services")


def main(out: Path) -> int:
    """Write all sources to `out/pages` and build `out/site` from them; return the exit status of the generator."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / "pages", ignore_errors=True)
    files = [it for folder in _FOLDERS for it in (_ROOT / folder).rglob("*") if it.suffix in {".md", *ASSETS}]
    sources = sorted(str(it.relative_to(_ROOT)) for it in (_ROOT / "README.md", _ROOT / "CHANGELOG.md", *files))
    pages = {it: page for it in sources if (page := page_of(it))}
    for source, page in pages.items():
        _write(out / "pages" / page, relinked((_ROOT / source).read_text(), source, pages))
    for source in sources:
        if source.startswith("docs/") and source.endswith(ASSETS):
            _write(out / "pages" / source.removeprefix("docs/"), (_ROOT / source).read_bytes())
    for page, written in REFERENCE.items():
        _write(out / "pages" / "reference" / page, written())
    settings = _ROOT / "docs" / "zensical.toml"
    navigation = tomllib.loads(settings.read_text())["project"]["nav"]
    if missing := absent(navigation, {str(it.relative_to(out / "pages")) for it in (out / "pages").rglob("*.md")}):
        print(f"{settings.name} names pages that do not exist: {', '.join(missing)}", file=sys.stderr)
        return 1
    shutil.copy(settings, out)
    command = [
        str(Path(sys.executable).parent / "zensical"),
        "build",
        "--strict",
        "--config-file",
        str(out / "zensical.toml"),
    ]
    return subprocess.run(command, check=False).returncode


def _write(file: Path, content: str | bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
