"""Distributed training: several processes started by torchrun, or one alone."""
