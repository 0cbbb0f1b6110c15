"""How fast a trained model answers: the four scenarios of MLPerf Inference, by LoadGen or by a twin in plain Python."""
