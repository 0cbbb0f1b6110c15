"""Questions about a run: what will run and why, what runs now, what stands behind a number. It only reads."""
