"""Where images and weights come from, one kind a file."""
