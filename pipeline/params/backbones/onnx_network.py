"""Options of the backbone `onnx`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.backbones.base import BackboneOptions

Landmark = tuple[float, float]
Positive = Annotated[float, Field(gt=0)]


class ONNXNetworkOptions(BackboneOptions):
    """Any ONNX recogniser. The options say what input it expects; the defaults are ArcFace's."""

    implementation: ClassVar[str] = "pipeline.models.backbones.onnx_network:ONNXNetwork"
    kind: Literal["onnx"] = "onnx"
    weights: str
    """The ONNX file."""
    size: Annotated[int | None, Field(ge=16, le=1024)] = None
    """Side of the input; null: the size that the graph states."""
    points: tuple[Landmark, Landmark, Landmark, Landmark, Landmark] | None = None
    """Positions of eyes, nose and mouth corners in the input, left first; null: ArcFace's positions."""
    colour: Literal["rgb", "bgr"] = "rgb"
    """Order of the channels."""
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    """Values to subtract from the pixels (0 … 255), in RGB order."""
    scale: tuple[Positive, Positive, Positive] = (127.5, 127.5, 127.5)
    """Values to divide the difference by, in RGB order."""
    layout: Literal["nchw", "nhwc"] = "nchw"
    """Order of the input's axes."""
    output: str | None = None
    """Name of the output with the vector; null: the only output."""
