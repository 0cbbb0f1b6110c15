"""Tables and figures from score files: pure functions of files, no torch."""
