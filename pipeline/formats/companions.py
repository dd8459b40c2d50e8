"""Files that belong to a file of weights: an ONNX network's external data, and the configuration of a LoRA adapter."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipeline.core.errors import SitterError
from pipeline.formats.onnx_files import external_data

ADAPTER, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"
"""The two files of an adapter, as the library peft writes them."""
JOIN = (
    "python -c \"import onnx; onnx.save_model(onnx.load('{0}'), 'whole.onnx')\", run in its data's folder, makes one "
    "file of it."
)


def companions(file: Path) -> list[Path]:
    """Return the files that belong to a file of weights, whether they exist or not; most have none."""
    if file.name == ADAPTER:
        return [file.with_name(ADAPTER_CONFIG)]
    return [file.parent / name for name in external_data(file)] if file.suffix == ".onnx" and file.is_file() else []


def check_companions(file: Path, beside: Path | None = None) -> None:
    """Raise SitterError unless the files that a file of weights needs exist: beside it, or in the folder `beside`."""
    names = [str(path.relative_to(file.parent)) for path in companions(file)]
    absent = [name for name in names if not ((beside or file.parent) / name).is_file()]
    if not absent:
        return
    if file.name == ADAPTER:
        raise SitterError(
            f"{file} is a LoRA adapter without its {ADAPTER_CONFIG}, which says how it is applied. Put that beside it; "
            f"from the hub, name it under `beside` with its checksum: beside: {{{ADAPTER_CONFIG}: …}}"
        )
    raise SitterError(
        f"{file} keeps its weights in {', '.join(absent[:3])}{' …' if len(absent) > 3 else ''} beside it, which "
        f"{'is' if len(absent) == 1 else 'are'} not there. Bring {'it' if len(absent) == 1 else 'them'} along by "
        f"`kind: file` with a path, or `kind: archive`. Or: {JOIN.format(file.name)}"
    )


def checksum(file: Path) -> str:
    """Return the SHA-256 of a file of weights; with companions, the SHA-256 of all checksums in the order of names."""
    from pipeline.core.files import sha256

    files = [file, *sorted(companions(file))]
    if len(files) == 1:
        return sha256(file)
    return hashlib.sha256("\n".join(map(sha256, files)).encode()).hexdigest()
