"""How a volume is cut so that the memory allowed is enough."""
