"""Instance labels: components, watershed, distances, edges and outlines."""
