"""Losses, one a file.

A loss is an `nn.Module` made with `(dim, sitters)`: the length of the embeddings and the number of training sitters;
`loss(embeddings [B, dim], labels int64 [B])` is a scalar. The training
loop calls it in float32, outside of mixed precision. Parameters of its own (class centres) are trained with the model.
"""

from pipeline.kinds import Registry

LOSSES = Registry(
    "loss",
    "pipeline.losses",
    {
        "none": None,
        "triplet": "triplet.Triplet",
        "infonce": "infonce.InfoNCE",
        "supcon": "supcon.SupCon",
        "arcface": "arcface.ArcFace",
        "arcface-infonce": "arcface_infonce.ArcFaceInfoNCE",
    },
)
