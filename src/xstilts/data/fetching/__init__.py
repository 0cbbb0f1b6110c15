"""Where files come from: the Hub, upstream archives, a mirror; pins and unpacking."""
