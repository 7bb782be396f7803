"""Asking: sends many requests at once to the servers of one model."""
