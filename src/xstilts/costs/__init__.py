"""What a run takes before it runs: work, time, disk and GPU memory."""
