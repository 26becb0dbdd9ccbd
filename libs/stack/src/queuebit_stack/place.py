"""The location of a home: distinguishes a home from a copy of it, whose files name the processes of the original."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Place"]

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder on this machine, since the last boot."""

    path: str
    device: int
    inode: int
    boot: str = ""
    """Empty if the system does not report it."""

    @classmethod
    def of(cls, root: Path) -> Place:
        """The current location of a folder."""
        seen = root.stat()
        boot = _BOOT.read_text(encoding="ascii").strip() if _BOOT.exists() else ""
        return cls(str(root.resolve()), seen.st_dev, seen.st_ino, boot)

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Place:  # JSON of any version
        return cls(str(fields["path"]), int(fields["device"]), int(fields["inode"]), str(fields["boot"]))

    def same_folder(self, other: Place) -> bool:
        """Whether it is the same folder, even if moved."""
        return (self.device, self.inode) == (other.device, other.inode)

    @property
    def still_there(self) -> bool:
        """Whether the folder is still at its path."""
        try:
            return self.same_folder(Place.of(Path(self.path)))
        except OSError:
            return False
