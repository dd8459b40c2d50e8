"""Write `models/<name>/`: the trained weights, and everything that is needed to build the network again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save_file

from pipeline.core.files import atomic_file
from pipeline.core.versions import versions
from pipeline.formats.companions import checksum
from pipeline.models.backbone import Backbone, count_parameters, trained_state
from pipeline.plan.fingerprint import module_code
from pipeline.store.models import MEAN, WEIGHTS, weights_record, write_record

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.params.train import Model, Training


def write_model(
    folder: Path, network: Backbone, model: Model, training: Training | None, seed: int, mean: Tensor | None = None
) -> None:
    """Write `model.json`, and `weights.safetensors` if anything was trained, into an existing folder.

    If the model is centred, the mean of its training faces is written to `mean.safetensors`, float32 [dim].

    Args:
        folder: folder of the model while it is being made.
        network: the adapted network, with the weights to keep.
        model: its entry in `params.yaml`.
        training: resolved settings; None for a frozen model.
        seed: the seed that the network was built with.
        mean: mean unit vector of the training faces, for a centred model.
    """
    if mean is not None:
        with atomic_file(folder / MEAN) as part:
            save_file({"mean": mean.contiguous()}, part)
    state = trained_state(network)
    if state:
        with atomic_file(folder / WEIGHTS) as part:
            save_file({name: value.cpu().contiguous() for name, value in state.items()}, part)
    write_record(folder, describe(network, model, training, seed))


def describe(network: Backbone, model: Model, training: Training | None, seed: int) -> dict[str, Any]:
    """Return the contents of `model.json`."""
    trained, total = count_parameters(network)
    file, adapter = network.weights_file, network.adapter_file
    kinds = f"backbones/{model.backbone.kind}", f"adaptations/{model.adaptation.kind}"
    return {
        "backbone": model.backbone.model_dump(mode="json"),
        "adaptation": model.adaptation.model_dump(mode="json"),
        "loss": model.loss.model_dump(mode="json"),
        "training": training.model_dump(mode="json") if training else None,
        "seed": seed,
        "mirror": model.mirror,
        **({"crops": list(model.crops)} if model.crops else {}),
        "centre": model.centre,
        "weights": _of(file) if file else None,
        **({"adapter": _of(adapter)} if adapter else {}),
        "input": {
            "size": network.template.size,
            "points": [[round(float(v), 4) for v in point] for point in network.template.points],
            "colour": network.colour,
            "mean": list(network.mean),
            "scale": list(network.scale),
        },
        "dim": network.dim,
        "parameters": {"trained": trained, "total": total},
        "code": module_code("pipeline.models.build", *kinds),
        "versions": versions(),
    }


def _of(file: Path) -> dict[str, Any]:
    return weights_record(file.name, file.stat().st_size, checksum(file))
