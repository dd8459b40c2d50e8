"""Outside systems: files of vectors or of scores, checked and brought into the form of our own."""
