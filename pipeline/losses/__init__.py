"""Losses, one a file."""

from pipeline.kinds import Registry

LOSSES = Registry(
    "loss",
    "pipeline.losses",
    {
        "none": None,
        "triplet": "triplet.Triplet",
        "infonce": "infonce.InfoNCE",
        "arcface": "arcface.ArcFace",
    },
)
