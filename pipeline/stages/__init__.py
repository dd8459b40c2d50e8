"""One module a stage, under the name of its rule."""
