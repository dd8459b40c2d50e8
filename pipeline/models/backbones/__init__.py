"""Networks that turn a face into a vector, one family a file."""

from pipeline.kinds import Registry

BACKBONES = Registry(
    "backbone",
    "pipeline.models.backbones",
    {
        "dlib-resnet29": "dlib_resnet29.DlibResNet29",
        "efficientnet-lite0": "efficientnet_lite0.EfficientNetLite0",
        "iresnet": "iresnet.IResNet",
    },
)
