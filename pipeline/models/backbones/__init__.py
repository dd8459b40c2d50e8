"""Networks that turn a face into a vector, one family per file."""
