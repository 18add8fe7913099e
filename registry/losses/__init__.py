"""Terms that methods minimise."""
