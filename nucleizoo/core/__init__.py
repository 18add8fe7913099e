"""Names to recipes, YAML to a checked tree, and plugins: knows nothing of images or networks."""
