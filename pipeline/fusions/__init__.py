"""Fusions, which make one vector of several models' vectors; one per file."""
