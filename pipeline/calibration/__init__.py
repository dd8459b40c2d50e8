"""Scores as likelihood ratios: how much more probable a score is if two images show one sitter than if they show two.

Calibrated on other sitters than those judged, bounded by what the number of pairs supports, and measured by Cllr.
Natural logarithms throughout, except in files and figures, which have log10 as forensic reports do.
"""
