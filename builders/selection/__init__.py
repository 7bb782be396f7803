"""Selection: which rows belong together, and which split they go to."""
