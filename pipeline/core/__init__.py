"""What all other folders use: errors, files that are whole or absent, names, progress, processes."""
