"""Weights from the hub: one file by commit and checksum, through the project's own fetching."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core.layout import Layout
from pipeline.sources.cache import cache
from tests.sources.site import Site, serving
from tests.suite.environment import environment

REPO, REVISION, FILE = "acme/vit", "0123456789abcdef0123456789abcdef01234567", "weights/model.safetensors"
CONTENT = bytes(range(256)) * 100
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()


def fetch(
    at: Layout,
    site: Site,
    checksum: str = CHECKSUM,
    file: str = FILE,
    beside: dict[str, str] | None = None,
    **env: str,
) -> subprocess.CompletedProcess[str]:
    """In a process of its own, since the client reads the hub's address when it is imported."""
    code = "import pathlib, pipeline.sources.hub as hub\nfrom pipeline.core.errors import SitterError\n"
    code += "from pipeline.params.sources.hub import HubOptions\n"
    code += (
        f"try: hub.fetch(pathlib.Path('out'), 'vit', HubOptions(repo={REPO!r}, revision={REVISION!r}, file={file!r},"
    )
    code += (
        f" sha256={checksum!r}, beside={beside or {}!r}))\nexcept SitterError as error: raise SystemExit(str(error))"
    )
    nobody = {"HF_TOKEN": "", "HF_TOKEN_PATH": "no-token", "HF_HUB_DISABLE_IMPLICIT_TOKEN": ""}
    hub = environment(HF_ENDPOINT=site.url, **(nobody | env))
    return subprocess.run([sys.executable, "-c", code], cwd=at.root, env=hub, capture_output=True, text=True)


def test_a_file_of_a_revision_is_fetched_once_and_its_checksum_verified(at: Layout, project: Path, site: Site) -> None:
    site.files[f"/{REPO}/resolve/{REVISION}/{FILE}"] = CONTENT
    refused = fetch(at, site, "0" * 64)
    assert f"has sha256 {CHECKSUM}, but download.vit.sha256 is 000" in refused.stderr
    assert not list((at.root / "out").iterdir())
    for _ in range(2):
        assert not fetch(at, site).returncode
        assert (at.root / "out/model.safetensors").read_bytes() == CONTENT
    assert len(site.asked) == 2  # the refused one and the first; the second came from the cache
    assert (cache() / "sha256" / CHECKSUM).is_file()


def test_files_that_belong_to_it_come_along(at: Layout, project: Path, site: Site) -> None:
    config = b'{"peft_type": "LORA"}'
    adapter, beside = "adapter_model.safetensors", {"adapter_config.json": hashlib.sha256(config).hexdigest()}
    site.files[f"/{REPO}/resolve/{REVISION}/{adapter}"] = CONTENT
    site.files[f"/{REPO}/resolve/{REVISION}/adapter_config.json"] = config
    assert "LoRA adapter without its adapter_config.json" in fetch(at, site, file=adapter).stderr
    done = fetch(at, site, file=adapter, beside=beside)
    assert not done.returncode, done.stderr
    assert (at.root / "out/adapter_config.json").read_bytes() == config


def test_a_repository_that_does_not_answer_is_named_with_the_file(at: Layout, project: Path, site: Site) -> None:
    done = fetch(at, site)
    assert f"{REPO}/resolve/{REVISION}/{FILE} could not be fetched: the server answered 404" in done.stderr


def test_a_gated_file_is_fetched_with_the_users_token_which_no_other_server_sees(
    at: Layout, project: Path, site: Site
) -> None:
    path = f"/{REPO}/resolve/{REVISION}/{FILE}"
    with serving() as store:  # where the hub keeps the content: it has its own signature in the URL
        store.files["/blob"] = CONTENT
        site.tokens[path], site.moved[path] = "mine", f"{store.url}/blob"
        done = fetch(at, site, HF_TOKEN="mine")
        assert not done.returncode, done.stderr
        assert (at.root / "out/model.safetensors").read_bytes() == CONTENT
        assert site.shown == ["Bearer mine"]
        assert store.shown == [""]


def test_the_token_of_a_login_counts_too(at: Layout, project: Path, site: Site) -> None:
    path = f"/{REPO}/resolve/{REVISION}/{FILE}"
    site.files[path], site.tokens[path] = CONTENT, "stored"
    (at.root / "token").write_text("stored")
    assert not fetch(at, site, HF_TOKEN_PATH=str((at.root / "token").resolve())).returncode
    assert site.shown == ["Bearer stored"]


@pytest.mark.parametrize(("token", "mend"), [("", "HF_TOKEN"), ("another", "your token may read it")])
def test_a_gated_file_without_the_right_token_is_refused_with_what_to_do(
    at: Layout, project: Path, site: Site, token: str, mend: str
) -> None:
    path = f"/{REPO}/resolve/{REVISION}/{FILE}"
    site.files[path], site.tokens[path] = CONTENT, "mine"
    done = fetch(at, site, HF_TOKEN=token)
    assert f"the server answered {403 if token else 401}" in done.stderr
    assert f"{REPO} is gated, accept its terms" in done.stderr
    assert mend in done.stderr
    assert len(site.asked) == 1, "it is not tried again"
