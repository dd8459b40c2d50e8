"""Figures that papers have published, to stand beside a study's own."""
