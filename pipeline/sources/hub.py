"""Kind `hub`: one file of a repository on the Hugging Face hub at a pinned revision, with the files that it needs."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path, PurePosixPath

from pipeline.core.errors import SitterError
from pipeline.formats.companions import check_companions
from pipeline.params.sources.hub import HubOptions
from pipeline.sources import web
from pipeline.sources.cache import verified
from pipeline.sources.local import fetch_into


def fetch(folder: Path, entry: str, options: HubOptions) -> None:
    """Fetch one file of weights from a repository of the Hugging Face hub, by commit and checksum.

    The variable HF_ENDPOINT names a mirror of the hub. From a private or gated repository, with terms that you have
    accepted on its page, files are fetched with your token from the variable HF_TOKEN or from `hf auth login`.

    Args:
        folder: the folder for the file.
        entry: name of the entry.
        options: the options of the entry.

    Raises:
        SitterError: the hub does not give the file, or the file has another checksum.
    """
    from huggingface_hub import hf_hub_url

    where = f"download.{entry}"
    for path, checksum in {options.file: options.sha256, **options.beside}.items():
        url = hf_hub_url(options.repo, path, revision=options.revision)
        get = partial(_get, url, checksum, options.repo, where)
        shutil.copyfile(verified(checksum, where, url, get), folder / PurePosixPath(path).name)
    check_companions(folder / PurePosixPath(options.file).name)


def _get(url: str, checksum: str, repo: str, where: str, scratch: Path) -> Path:
    from huggingface_hub import get_token

    token = get_token()
    try:
        return fetch_into(scratch, url, checksum, {"Authorization": f"Bearer {token}"} if token else {})
    except web.Unfetched as reason:
        mend = "Run it again to go on."
        if reason.status in (401, 403):
            mend = f"If {repo} is gated, accept its terms on its page; then " + (
                "see that your token may read it."
                if token
                else "set HF_TOKEN to a token of yours, or type `hf auth login`, and run it again."
            )
        raise SitterError(f"{where}: {url} could not be fetched: {reason}. {mend}") from None
