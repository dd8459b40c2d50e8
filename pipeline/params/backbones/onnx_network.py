"""Options of the backbone `onnx`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.backbones.base import BackboneOptions

Point = tuple[float, float]
Positive = Annotated[float, Field(gt=0)]


class ONNXNetworkOptions(BackboneOptions):
    """Any ONNX recogniser: what it expects of a face is said by the options; by default that is ArcFace's."""

    implementation: ClassVar[str] = "pipeline.models.backbones.onnx_network:ONNXNetwork"
    kind: Literal["onnx"] = "onnx"
    weights: str
    """The ONNX file."""
    size: Annotated[int | None, Field(ge=16, le=1024)] = None
    """Side of the input; null: as the graph says."""
    points: tuple[Point, Point, Point, Point, Point] | None = None
    """Where eyes, nose and mouth corners lie in the input, left first; null: as ArcFace's."""
    colour: Literal["rgb", "bgr"] = "rgb"
    """Order of the channels."""
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    """Subtracted from the pixels (0 … 255), in RGB order."""
    scale: tuple[Positive, Positive, Positive] = (127.5, 127.5, 127.5)
    """What is left is divided by it, in RGB order."""
    layout: Literal["nchw", "nhwc"] = "nchw"
    """Of the input's axes."""
    output: str | None = None
    """Name of the vector; null: the only output."""
