"""One module for each stage, under the name of its rule."""
