"""Which rows belong together, and which go where."""
