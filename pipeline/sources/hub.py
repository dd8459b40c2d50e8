"""Kind `hub`: one file of a model repository on the Hugging Face hub, at a pinned revision."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.formats.onnx_files import check_companions
from pipeline.params.sources.hub import HubOptions
from pipeline.sources.local import own_file


def fetch(folder: Path, entry: str, options: HubOptions) -> None:
    """One file of weights from a repository of the Hugging Face hub, by commit and checksum.

    A mirror of the hub is set by the variable HF_ENDPOINT.

    Args:
        folder: where the file goes.
        entry: name of the entry.
        options: of the entry.
    """
    from huggingface_hub import hf_hub_url

    url = hf_hub_url(options.repo, options.file, revision=options.revision)
    source, name = own_file(entry, None, url, options.sha256)
    shutil.copyfile(source, folder / name)
    check_companions(folder / name)
