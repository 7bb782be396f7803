"""Everything after a build: publish, audit, compare and export versions, and use them in training."""
