"""From features to trained weights: sampling, batches, the loop, checkpoints, the choice of the best."""
