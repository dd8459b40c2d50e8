"""What of a backbone is trained, one way a file."""
