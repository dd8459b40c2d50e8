"""Splits by image and by listed pair, and painters kept on one side; those by sitter stand in the stage itself."""
