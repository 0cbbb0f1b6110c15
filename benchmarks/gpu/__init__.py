"""What only a GPU decides: `make gpu-check`."""
