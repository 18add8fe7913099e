"""The training loop, its hooks, batches and workers; nothing here knows an entry by name."""
