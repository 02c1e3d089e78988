"""Where data come from: xlsa17 files, folders of images, emoji, synthetic worlds."""
