"""RetinaFace with a ResNet-50 trunk: the network of the package retinaface-pytorch, with weights from a file."""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path
from typing import Any

import cv2
import torch

import pipeline.core.torchvision_ops  # noqa: F401  (before retinaface, which imports torchvision)
from pipeline.core.errors import SitterError
from pipeline.core.file_types import beginning, known
from pipeline.core.layout import HERE, Layout
from pipeline.core.numbers import Singles
from pipeline.core.pixels import RGBImage
from pipeline.faces.detection import Detection, Search
from pipeline.faces.detectors.retinaface import decode
from pipeline.params.detectors.retinaface_resnet50 import RetinaFaceResNet50Options
from pipeline.store.weights import weights_file

# The mean colour of ImageNet, RGB, for pixels from 0 to 255.
MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
DEVIATION = (0.229 * 255, 0.224 * 255, 0.225 * 255)


class RetinaFaceResNet50:
    """RetinaFace-ResNet50: slower and stronger, on a GPU where there is one."""

    def __init__(self, options: RetinaFaceResNet50Options, at: Layout = HERE) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.network = network(weights_file(options.weights, at)).to(self.device)
        self.threshold = options.threshold
        self.search = Search(options.scales, options.sides, options.max_side, options.padding, options.border)
        self.nothing = f"no face with a score of {options.threshold:g} or more"

    def detect(self, image: RGBImage) -> list[Detection]:
        """Return the faces in an image, best first."""
        return self.search.run(image, self.find)

    @torch.inference_mode()
    def find(self, picture: RGBImage) -> tuple[Singles, Singles, Singles]:
        """Return boxes, landmarks and scores in one picture."""
        x = torch.from_numpy(cv2.dnn.blobFromImage(picture, mean=MEAN)) / torch.tensor(DEVIATION).view(3, 1, 1)
        offsets, scores, landmarks = self.network(x.to(self.device))
        offsets, scores, landmarks = (y[0].float().cpu() for y in (offsets, scores.softmax(-1), landmarks))
        return decode(offsets.numpy(), scores[:, 1].numpy(), landmarks.numpy(), picture.shape[:2], self.threshold)


def network(path: Path) -> torch.nn.Module:
    """Return the network with weights from a state-dict file, in evaluation mode; without the package's downloader."""
    from retinaface.network import RetinaFace

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package uses torchvision's old argument for "no weights"
        module: torch.nn.Module = RetinaFace(
            name="Resnet50",
            pretrained=False,
            return_layers={"layer2": 1, "layer3": 2, "layer4": 3},
            in_channels=256,
            out_channels=256,
        )
    try:
        module.load_state_dict(_state(path))
    except Exception as error:  # unpickling raises nearly anything
        what, said = known(beginning(path)), (str(error) or type(error).__name__).splitlines()[0]
        first = f"it is {what}" if what and "archive" not in what else said
        raise SitterError(f"{path} is no state dict of retinaface-pytorch's ResNet-50: {first}") from None
    return module.eval()


def _state(path: Path) -> dict[str, Any]:
    """Load a state dict, also from a zip that holds only this file, as the package's authors distribute it."""
    file: Path | io.BytesIO = path
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if len(archive.namelist()) == 1:
                file = io.BytesIO(archive.read(archive.namelist()[0]))
    state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    return state
