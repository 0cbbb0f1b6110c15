# The checks of the results are a part of the run.
rule verify:
    input:
        unpack(inputs_for("verify")),
    output:
        jobs.made("tables", "verification.json"),
    log:
        jobs.log("verify"),
    localrule: True
    conda:
        environment
    message:
        "Check every file and cell of the run"
    shell:
        'python workflow/scripts/verify.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'
