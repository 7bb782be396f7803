"""How a build is run: its options, its folder, how it goes."""
