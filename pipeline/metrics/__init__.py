"""Benchmarks: what is measured of a model's embeddings, one kind a file."""

from pipeline.core.registry import Registry

METRICS = Registry(
    "benchmark",
    "pipeline.metrics",
    {
        "all-pairs": "all_pairs.all_pairs",
        "pairs": "kfold.pairs",
        "identification": "identification.identification",
        "geometry": "geometry.geometry",
        "probe": "linear_probe.probe",
    },
)
