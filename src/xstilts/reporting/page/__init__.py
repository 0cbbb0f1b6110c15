"""The page that a reader opens first: a run's question, answer, tables, figures, costs and gaps in one HTML file."""
