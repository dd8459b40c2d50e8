"""Benchmarks: what is measured of a model's embeddings, one kind a file."""

from pipeline.kinds import Registry

METRICS = Registry(
    "benchmark",
    "pipeline.metrics",
    {
        "all-pairs": "all_pairs.all_pairs",
        "pairs": "pairs.pairs",
        "identification": "identification.identification",
        "geometry": "geometry.geometry",
        "probe": "probe.probe",
    },
)
