"""Running a build: its recipe, its folder, its progress and its provenance."""
