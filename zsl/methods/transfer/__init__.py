"""Methods that carry images into the space of class embeddings, or class embeddings into the space of images."""
