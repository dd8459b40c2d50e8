"""Cross-validation: models and fusions that have not seen the sitters they are tested on."""
