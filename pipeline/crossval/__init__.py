"""Cross-validation: each sitter is tested by models and fusions that were not trained on this sitter."""
