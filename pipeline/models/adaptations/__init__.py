"""Adaptations, which say which parts of a backbone are trained; one per file."""
