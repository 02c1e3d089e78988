"""Class embeddings: class descriptions -> φ(y), one module per source."""
