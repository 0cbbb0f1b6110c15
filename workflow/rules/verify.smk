# The checks of the results are a part of the run.
rule verify:
    input:
        spec=jobs.spec("verify"),
        scores=jobs.made("tables", "scores.csv"),
        artifacts=jobs.artifacts(),
    output:
        jobs.made("tables", "verification.json"),
    log:
        jobs.log("verify"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Check every file and cell of the run"
    shell:
        'python workflow/scripts/verify.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'
