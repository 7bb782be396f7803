"""Pages that show a dataset to a reader."""
