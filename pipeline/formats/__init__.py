"""File formats: reading and writing them, and saying what is wrong with a file."""
