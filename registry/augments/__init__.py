"""Random augmentation of training samples."""
