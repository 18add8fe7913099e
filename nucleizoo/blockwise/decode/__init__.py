"""From maps on disk to labels: components, seeds, watershed, holes and splits, block by block."""
