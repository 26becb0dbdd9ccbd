"""One program in a process of its own: reads the request from standard input, and writes results as JSON to a file."""

from __future__ import annotations

import json
import re
import sys
import traceback
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["plain"]


def plain(value: Any) -> Any:
    """Return a result as JSON: counts as a dictionary, everything else as a list of real numbers."""
    if hasattr(value, "items"):
        return {str(key): int(count) for key, count in value.items()}
    return np.real(np.asarray(value)).astype(float).ravel().tolist()


def _run(code: str, expressions: list[str]) -> dict[str, Any]:
    module = ModuleType("__main__")  # for `if __name__ == "__main__"`, and for classes that are pickled
    sys.modules["__main__"] = module
    names = module.__dict__
    names["display"] = print
    output = StringIO()
    with redirect_stdout(output):
        exec(compile(code, "notebook", "exec"), names)
    names["printed"] = lambda pattern: [float(it) for it in re.findall(pattern, output.getvalue())]
    names["output"] = output.getvalue()
    return {it: plain(eval(it, names)) for it in expressions}


def main() -> None:
    request = json.load(sys.stdin)
    answer: dict[str, Any]
    try:
        answer = {"results": _run(request["code"], request["expressions"])}
    except BaseException as failure:  # noqa: BLE001  (whatever a program raises is the result)
        frames = [it for it in traceback.extract_tb(failure.__traceback__) if it.filename == "notebook"]
        line = f" in line {frames[-1].lineno}" if frames else ""
        answer = {"failure": f"{type(failure).__name__}{line}: {str(failure).strip()[:300]}"}
        traceback.print_exc()
    Path(request["answer"]).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
