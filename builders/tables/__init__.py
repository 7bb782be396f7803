"""Tables on disk: a folder of them, joined, counted."""
