"""Networks that turn a face into a vector, one family a file."""

from pipeline.core.registry import Registry

BACKBONES = Registry(
    "backbone",
    "pipeline.models.backbones",
    {
        "dlib-resnet29": "dlib_resnet29.DlibResNet29",
        "efficientnet-lite0": "efficientnet_lite0.EfficientNetLite0",
        "iresnet": "iresnet.IResNet",
        "mobilefacenet": "mobilefacenet.MobileFaceNet",
        "clip": "clip.CLIP",
        "timm-vit": "timm_vit.TimmViT",
        "onnx": "onnx_network.ONNXNetwork",
        "external": "external.ExternalVectors",
        "external-scores": "external_scores.ExternalScores",
    },
)
# No networks but outside systems, known by a file (pipeline/models/outside.py); of the latter, there are no vectors.
EXTERNAL = ("external", "external-scores")
SCORES_ONLY = ("external-scores",)
