"""What of a backbone is trained, one way a file."""

from pipeline.core.registry import Registry

ADAPTATIONS = Registry(
    "adaptation",
    "pipeline.models.adaptations",
    {
        "none": None,
        "head": "head.Head",
        "lora": "lora.LoRA",
        "layers": "layers.Layers",
        "full": "full.Full",
    },
)
