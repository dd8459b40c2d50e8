"""Ways to make one vector of several models' vectors, one a file."""
