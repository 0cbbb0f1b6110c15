rule tables:
    input:
        jobs.scores(),
