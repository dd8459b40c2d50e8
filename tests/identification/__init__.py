"""Who sat for a portrait."""
