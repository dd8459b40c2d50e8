"""Where images and weights come from, with one kind in each file."""
