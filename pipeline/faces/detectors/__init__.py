"""Face detectors, one a file."""

from pipeline.core.registry import Registry

DETECTORS = Registry(
    "detector",
    "pipeline.faces.detectors",
    {
        "retinaface-mobilenet": "retinaface_mobilenet.RetinaFaceMobileNet",
        "retinaface-resnet50": "retinaface_resnet50.RetinaFaceResNet50",
        "scrfd": "scrfd.SCRFD",
        "aligned": "aligned.Aligned",
    },
)
