"""Who sat for a portrait: candidates from a gallery, the evidence for each, and how good such lists are.

The library takes scores, names and decisions; the stage `identify` reads and writes the files.
"""
