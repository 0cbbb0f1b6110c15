"""One module a family: how its texts become features, and features predictions."""
