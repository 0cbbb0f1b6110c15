"""Training data of the intermediate phase in other languages, made here by an open translation model."""
