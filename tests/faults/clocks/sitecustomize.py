"""Start a service with a wrong clock, if a drill asks for it: the interpreter imports this module by its name.

The folder in `DRILL_CLOCKS` has a file with an offset, such as `+1h`, for each service whose clock is wrong. Clocks
that measure how long something takes stay right, as on a machine whose date was set.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

_LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"

_folder, _seed = os.environ.get("DRILL_CLOCKS"), os.environ.get("QUEUEBIT_BUS_SEED_FILE")
if _folder and _seed and "LD_PRELOAD" not in os.environ:
    with suppress(FileNotFoundError):
        _offset = (Path(_folder) / Path(_seed).stem).read_text(encoding="utf-8")
        _wrong = {"LD_PRELOAD": _LIBRARY, "FAKETIME": _offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **_wrong})
