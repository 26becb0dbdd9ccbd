"""The report of a benchmark run."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Report", "percentile"]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, -(-len(ordered) * round(share * 1000) // 1000) - 1))]


@dataclass
class Report:
    """Lines of a measurement, in the order in which they were made."""

    lines: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, what: str, figure: str, floor: str = "") -> None:
        """Add one figure, and its required minimum if it has one."""
        self.lines.append((what, figure, floor))
        print(f"  {what:<58} {figure:<34} {floor}", flush=True)

    def heading(self, text: str) -> None:
        print(f"\n{text}", flush=True)

    @staticmethod
    def conditions() -> str:
        """Return a description of the machine."""
        model = platform.processor() or platform.machine()
        output = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in output if line.startswith("model name")), model)
        load = ", ".join(f"{it:.2f}" for it in os.getloadavg())
        return (
            f"{os.cpu_count()} cores ({model}), Linux {platform.release()}, Python {platform.python_version()}, "
            f"load before {load}; everything on: durable sync, metering, sealing, sink"
        )
