"""Class embeddings: what is known of a class -> φ(y), one file per source."""
