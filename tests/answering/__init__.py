"""Answers about single pictures."""
