"""Joint spaces of images and class texts, learned from pairs of the two."""
