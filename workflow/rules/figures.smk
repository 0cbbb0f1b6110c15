rule figures:
    input:
        jobs.scores(),
