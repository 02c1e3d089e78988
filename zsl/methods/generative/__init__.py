"""Methods that learn to generate image features of a class from its description."""
