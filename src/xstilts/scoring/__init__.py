"""The official metrics as pure functions of (predictions, gold): standard library, and numpy where it resamples."""
