"""Scores as likelihood ratios: how much more probable a score is if two images show one sitter than if they show two.

Ratios are calibrated on other sitters than the ones that are evaluated, are bounded by what the number of pairs
supports, and are evaluated by Cllr. Logarithms are natural, except in files and figures, which use log10 as forensic
reports do.
"""
