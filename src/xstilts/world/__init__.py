"""A small world of entities and facts, told in English and six generated languages (the data of the demo)."""
