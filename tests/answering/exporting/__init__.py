"""Models that leave the project."""
