"""Training, its hooks, and inference: knows no entry by name."""
