"""Methods that learn to make image features of a class from its description."""
