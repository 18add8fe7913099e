"""Networks that tell real from made."""
