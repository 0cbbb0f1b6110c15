"""From trained weights to prediction files: forward passes by family, retrieval and mining."""
