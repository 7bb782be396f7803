"""What users of the published data touch: the verifier that ships with it."""
