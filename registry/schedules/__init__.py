"""How learning rates fall while a training goes on."""
