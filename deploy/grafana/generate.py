"""Writes the dashboards as JSON files, or checks that the committed ones are fresh.

python -m deploy.grafana.generate            write deploy/grafana/dashboards/*.json
python -m deploy.grafana.generate --check    fail if one is stale
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from deploy.grafana.debug import debug
from deploy.grafana.executive import executive
from deploy.grafana.on_call import on_call
from grafana_foundation_sdk.cog.encoder import JSONEncoder

__all__ = ["FOLDER", "texts"]

FOLDER = Path(__file__).parent / "dashboards"


def texts() -> dict[str, str]:
    """The text of each file, by its name."""
    boards = {"executive": executive(), "on-call": on_call(), "debug": debug()}
    return {f"{name}.json": _text(json.dumps(it.build(), cls=JSONEncoder)) for name, it in boards.items()}


def _text(document: str) -> str:
    return json.dumps(json.loads(document), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write, or with `--check` compare; return the exit code."""
    wanted = texts()
    if "--check" not in arguments:
        FOLDER.mkdir(exist_ok=True)
        for name, text in wanted.items():
            (FOLDER / name).write_text(text, encoding="utf-8")
        return 0
    there = {it.name: it.read_text(encoding="utf-8") for it in FOLDER.glob("*.json")}
    stale = sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))
    if stale:
        print(f"stale dashboards: {', '.join(stale)}: run `make generate`", file=sys.stderr)
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
