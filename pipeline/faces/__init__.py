"""Faces: reading images, detectors, alignment, corrections, near-duplicates."""
