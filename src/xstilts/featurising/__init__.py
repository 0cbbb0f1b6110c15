"""From rows to stored features: on a CPU, once for each tokenizer, before any model is opened."""
