"""Reads and writes file formats, and says what is wrong with a file."""
