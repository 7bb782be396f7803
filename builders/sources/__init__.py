"""Where the rows of a build come from: everything that SOURCE can be."""
