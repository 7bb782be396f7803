"""Asking many things at once."""
