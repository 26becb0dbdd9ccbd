"""Loads SDKs whose name is also that of a folder of tests, before pytest takes the folder for the SDK."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

for _name in ("azure", "iqm"):
    with suppress(ImportError):  # each environment has one SDK
        import_module(_name)
