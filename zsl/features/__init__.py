"""Cache of image features and other arrays: computed once, stored on disk, read as memory maps."""
