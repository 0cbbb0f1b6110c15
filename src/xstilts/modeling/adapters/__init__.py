"""Adapters of an encoder, a module each kind: fresh ones put in, what of the encoder is theirs, and their merging."""
