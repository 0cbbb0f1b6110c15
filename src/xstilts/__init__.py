"""English intermediate-task training for zero-shot cross-lingual transfer, as a workflow."""

__version__ = "0.1.0"
