"""Sitter: who sat for this portrait? Train, compare and fuse face-verification models."""
