"""Figures that papers have published, for comparison with a study's own."""
