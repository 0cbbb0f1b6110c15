"""What a user may write: the configuration as pydantic models, the grammar of sources, and the page of all keys."""
