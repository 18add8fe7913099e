"""Schedules: how learning rates fall during a training."""
