"""Where a home lies: tells a home from a copy of it, whose files name the processes of the original."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Place"]

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder on this machine, since it was started the last time."""

    path: str
    device: int
    inode: int
    boot: str = ""
    """Empty where the system does not tell."""

    @classmethod
    def of(cls, root: Path) -> Place:
        """Where a folder lies now."""
        seen = root.stat()
        boot = _BOOT.read_text(encoding="ascii").strip() if _BOOT.exists() else ""
        return cls(str(root.resolve()), seen.st_dev, seen.st_ino, boot)

    @classmethod
    def read(cls, told: dict[str, Any]) -> Place:  # JSON of any version
        return cls(str(told["path"]), int(told["device"]), int(told["inode"]), str(told["boot"]))

    def same_folder(self, other: Place) -> bool:
        """Whether it is the same folder, wherever it was moved to."""
        return (self.device, self.inode) == (other.device, other.inode)

    @property
    def still_there(self) -> bool:
        """Whether the folder is where it was."""
        try:
            return self.same_folder(Place.of(Path(self.path)))
        except OSError:
            return False
