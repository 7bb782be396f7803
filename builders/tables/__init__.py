"""Tables on disk: how a folder of them is written, read, joined and counted."""
