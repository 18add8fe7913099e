"""Memory budget, and the blocks and regions that fit it."""
