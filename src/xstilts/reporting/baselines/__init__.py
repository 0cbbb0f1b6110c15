"""Scores without an encoder: chance, the majority, bags of words, nearest strings."""
