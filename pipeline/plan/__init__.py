"""The jobs of a study: what each reads and makes, where it lies, what it depends on."""
