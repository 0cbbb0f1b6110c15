"""The subcommands of `xstilts`, one module each, imported only when called."""
