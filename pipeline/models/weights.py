"""Read weights from elsewhere in the common file formats, and report exactly what does not fit."""

from __future__ import annotations

import contextlib
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.core.errors import SitterError
from pipeline.core.file_types import beginning, known

# Keys under which training scripts save the state dict beside other things.
WRAPPERS = ("state_dict", "model_state_dict", "state_dict_backbone", "model", "backbone")


def read_state(file: Path, wrappers: tuple[str, ...] = WRAPPERS, required: str | None = None) -> dict[str, Tensor]:
    """Return the state dict of a `.safetensors` or torch file, out of any wrapper, without a common `module.` prefix.

    Torch files are read without running code that a pickle may hold; from a TorchScript archive, only the tensors are
    read.

    Args:
        file: the file of weights.
        wrappers: keys under which the state dict may be stored.
        required: the wrapper key that has to be present; None: the file may be the state dict itself.

    Raises:
        SitterError: the file is of neither format, holds no tensors, or lacks the required key.
    """
    state, content = _read(file, wrappers)
    if required is not None and not (isinstance(content, Mapping) and isinstance(content.get(required), Mapping)):
        found = ", ".join(map(str, list(content)[:6])) if isinstance(content, Mapping) else "tensors only"
        raise SitterError(f"{file} holds no {required!r} but {found}: name the authors' file, which has both encoders.")
    return state


def _read(file: Path, wrappers: tuple[str, ...]) -> tuple[dict[str, Tensor], Any]:
    """Return the state dict, and the whole contents of the file."""
    data = beginning(file)
    try:
        if data[8:9] == b"{":  # a safetensors header, after its length; the file's ending may be anything
            from safetensors.torch import load_file

            return dict(state := load_file(file)), state
        if is_torchscript(file):
            state = dict(torch.jit.load(file, map_location="cpu").state_dict())  # type: ignore[no-untyped-call]
            return state, state
        with open(file, "rb") as opened:  # with a path, torch would decide by its ending
            content: Any = torch.load(opened, map_location="cpu", weights_only=True)
    except Exception as error:  # unpicklers, zip readers and safetensors raise many sorts for a foreign file
        raise SitterError(
            f"{file} is no file of weights that can be read ({_reason(file, error)}). Expected: a state dict as "
            "torch.save writes it, or .safetensors, whole; a pickled whole model is not read, because that runs code."
        ) from None
    whole = content
    for key in wrappers:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    state = {k: v for k, v in content.items() if isinstance(v, Tensor)} if isinstance(content, Mapping) else {}
    if not state:
        raise SitterError(f"{file} holds no state dict but {type(content).__name__}: save model.state_dict().")
    if all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): value for name, value in state.items()}
    return state, whole


def _reason(file: Path, error: Exception) -> str:
    """Return why a file could not be read: its actual format, or the library's message."""
    what, said = known(beginning(file)), str(error)
    if what == "a zip archive":  # torch's own files are zip archives, too
        if not zipfile.is_zipfile(file):
            return "it was cut off: fetch it again"
        with contextlib.suppress(Exception), zipfile.ZipFile(file) as archive:
            if not any(name.endswith("data.pkl") for name in archive.namelist()):
                return "it is a zip archive of something else: unpack it, or use `kind: archive` with `contents: file`"
    elif what is not None and what != "a tar archive":
        return f"it is {what}"
    if foreign := re.search(r"(?:Unsupported global: GLOBAL|Unsupported class) ([\w.]+)", said):
        return f"it is a pickle that needs the class {foreign[1]}, not only tensors: save model.state_dict()"
    return (said.splitlines() or [type(error).__name__])[0][:160]


def is_torchscript(file: Path) -> bool:
    """Whether a file is an archive that `torch.jit.save` made, as OpenAI's CLIP weights are."""
    if not zipfile.is_zipfile(file):
        return False
    try:
        with zipfile.ZipFile(file) as archive:
            return any(name.count("/") == 1 and name.endswith("/constants.pkl") for name in archive.namelist())
    except Exception:  # zipfile raises many sorts for a damaged file; reading it reports the damage
        return False


def fill(module: nn.Module, state: Mapping[str, Tensor], file: Path, what: str, whole: bool = False) -> None:
    """Copy a state dict into a module; it must have every parameter and buffer, with its shape.

    Args:
        module: the module, which is filled in place.
        state: tensors by the module's own names; further entries (a classifier, for example) are ignored, unless
            `whole`.
        file: the file, for messages.
        what: name of the network, for messages.
        whole: refuse entries that the module does not have, because the file is of a deeper network.

    Raises:
        SitterError: tensors are missing, superfluous or of another shape; the message names them.
    """
    own = module.state_dict()
    counters = {name for name in own if name.endswith("num_batches_tracked")}
    missing = [name for name in own if name not in state and name not in counters]
    if missing:
        raise SitterError(
            f"{file} does not fit {what}: {len(missing)} of {len(own)} tensors are missing, {_some(missing)}. "
            f"The file holds {len(state)}: {_some(list(state))}. Is it for another network or depth?"
        )
    other = [n for n in own if n in state and state[n].shape != own[n].shape]
    if other:
        shapes = [f"{n} is {list(state[n].shape)}, not {list(own[n].shape)}" for n in other]
        raise SitterError(f"{file} does not fit {what}: {_some(shapes)}.")
    over = [name for name in state if name not in own] if whole else []
    if over:
        raise SitterError(
            f"{file} does not fit {what}: {len(over)} of its {len(state)} tensors have no place there, {_some(over)}. "
            "Is it for another network or depth?"
        )
    module.load_state_dict({n: state[n] if n in state else own[n] for n in own})


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (" …" if len(names) > 4 else "")
