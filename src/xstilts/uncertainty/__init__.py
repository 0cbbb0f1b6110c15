"""Resampling, intervals, contrasts, seeds and the choice of the best source."""
