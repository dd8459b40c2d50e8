"""The jobs of a study: what each reads and writes, where the files lie, and what they depend on."""
