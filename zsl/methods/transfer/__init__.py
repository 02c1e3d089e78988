"""From seen classes or class embeddings to features and back, and the nearest neighbour there."""
