"""Transfer through embeddings: images are mapped to class descriptions, or descriptions to images."""
