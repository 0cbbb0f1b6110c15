"""The pretrained encoder, the heads on top of it, and the tokenizer beside it."""
