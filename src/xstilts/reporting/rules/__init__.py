"""What each table and figure of the workflow does: one function a rule, from a run's folder to its files."""
