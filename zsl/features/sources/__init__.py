"""Sources of images for ``zsl extract``: folders, tar files, Parquet, and data sets of Hugging Face on disk."""
