"""Servers of a model: found, started, named."""
