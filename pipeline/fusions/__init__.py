"""Ways to make one vector of several models' vectors, one a file."""

from pipeline.core.registry import Registry

FUSIONS = Registry(
    "fusion",
    "pipeline.fusions",
    {
        "concat": "concat.Concat",
        "weighted": "weighted.Weighted",
        "score": "score.Score",
        "gated": "gated.Gated",
        "attention": "attention.Attended",
        "wccn": "wccn.WithinClass",
        "folds": "pipeline.crossval.held_out.Folds",
    },
)
