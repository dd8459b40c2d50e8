"""Benchmarks: what is measured of a model's embeddings, one kind a file."""
