"""Weights from the hub: one file by commit and checksum, through the project's own fetching."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from pipeline.sources.cache import cache
from tests.sources.site import Site
from tests.suite.environment import environment

REPO, REVISION, FILE = "acme/vit", "0123456789abcdef0123456789abcdef01234567", "weights/model.safetensors"
CONTENT = bytes(range(256)) * 100
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()


def fetch(site: Site, checksum: str = CHECKSUM) -> subprocess.CompletedProcess[str]:
    """In a process of its own, since the client reads the hub's address when it is imported."""
    code = "import pathlib, pipeline.sources.hub as hub\nfrom pipeline.core.errors import SitterError\n"
    code += "from pipeline.params.sources.hub import HubOptions\n"
    code += (
        f"try: hub.fetch(pathlib.Path('out'), 'vit', HubOptions(repo={REPO!r}, revision={REVISION!r}, file={FILE!r},"
    )
    code += f" sha256={checksum!r}))\nexcept SitterError as error: raise SystemExit(str(error))"
    hub = environment(HF_ENDPOINT=site.url)
    return subprocess.run([sys.executable, "-c", code], env=hub, capture_output=True, text=True)


def test_a_file_of_a_revision_is_fetched_once_and_its_checksum_verified(project: Path, site: Site) -> None:
    site.files[f"/{REPO}/resolve/{REVISION}/{FILE}"] = CONTENT
    refused = fetch(site, "0" * 64)
    assert f"has sha256 {CHECKSUM}, but download.vit.sha256 is 000" in refused.stderr
    assert not list(Path("out").iterdir())
    for _ in range(2):
        assert not fetch(site).returncode
        assert Path("out/model.safetensors").read_bytes() == CONTENT
    assert len(site.asked) == 2  # the refused one and the first; the second came from the cache
    assert (cache() / "sha256" / CHECKSUM).is_file()


def test_a_repository_that_does_not_answer_is_named_with_the_file(project: Path, site: Site) -> None:
    done = fetch(site)
    assert f"{REPO}/resolve/{REVISION}/{FILE} could not be fetched: the server answered 404" in done.stderr
