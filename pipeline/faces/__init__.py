"""Faces: reading images, detectors, alignment, painterly rendering, the face store."""
