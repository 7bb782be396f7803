"""The sources of a build's rows: everything that SOURCE can be."""
