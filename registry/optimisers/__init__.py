"""What moves weights along their gradients."""
