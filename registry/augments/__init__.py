"""Random variation of training samples."""
