"""Maps back to instance labels."""
