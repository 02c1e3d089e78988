"""A method and a data set of our own for zsl."""
