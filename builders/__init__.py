"""The pipeline: from raw code to training set, a module for each stage, in the order of the folder."""
