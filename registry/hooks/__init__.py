"""What else can happen around the steps of a training."""
