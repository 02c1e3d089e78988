"""Transfer through embeddings: an image is mapped towards the class descriptions, or these towards the images."""
