# The page that a reader opens first, from tables, figures and manifests; `make` writes Snakemake's own report beside it.
rule report:
    input:
        unpack(inputs_for("report")),
        tables=rules.tables.input,
        figures=rules.figures.input,
    output:
        jobs.made("report.html"),
    log:
        jobs.log("report"),
    localrule: True
    conda:
        environment
    message:
        "Write the page of the run"
    shell:
        'python workflow/scripts/report.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'
