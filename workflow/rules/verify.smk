rule verify:
    input:
        jobs.scores(),
    output:
        touch(jobs.made("verify.txt")),
