"""Benchmarks, which measure a model's embeddings; one kind per file."""
