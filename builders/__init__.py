"""The pipeline from raw code to training set: one module for each stage, with the name of its table."""
