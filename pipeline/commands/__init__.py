"""Commands outside of the workflow, one module each."""
