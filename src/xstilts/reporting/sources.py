"""What a source is to a reader of the tables."""

CONTROLS = ("mnli-shuffled", "mlm-en")  # permuted labels; as many steps of masked language modelling on English text
