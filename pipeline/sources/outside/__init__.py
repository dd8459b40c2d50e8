"""Outside systems: check their files of vectors or scores, and convert them into the formats of Sitter."""
