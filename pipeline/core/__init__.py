"""What every room uses: errors, files that are whole or absent, names, progress, processes."""
