"""Networks that make pictures or maps."""
