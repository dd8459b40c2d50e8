"""Kind `hub`: one file of a model repository on the Hugging Face hub, at a pinned revision."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

from pydantic import Field

from pipeline.formats.onnx_files import check_companions
from pipeline.sources.local import own_file


def fetch(
    folder: Path,
    entry: str,
    *,
    repo: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")],
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")],
    file: Annotated[str, Field(pattern=r"^[\w-][\w./-]*$")],
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")],
    licence: str | None = None,
) -> None:
    """One file of weights from a repository of the Hugging Face hub, by commit and checksum.

    A mirror of the hub is set by the variable HF_ENDPOINT.

    Args:
        folder: where the file goes.
        entry: name of the entry.
        repo: owner/name.
        revision: the commit, whole, since branches and tags move.
        file: path in the repository.
        sha256: its checksum, as its page on the hub shows it.
        licence: terms of use, kept beside it.
    """
    from huggingface_hub import hf_hub_url

    source, name = own_file(entry, None, hf_hub_url(repo, file, revision=revision), sha256)
    shutil.copyfile(source, folder / name)
    check_companions(folder / name)
