"""Networks that turn a face into a vector, one family a file."""
