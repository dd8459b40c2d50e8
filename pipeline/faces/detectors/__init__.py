"""Face detectors, one in each file."""
