# From scores to the figures; `snakemake figures` makes all of them.
rule figure_differences:
    input:
        unpack(inputs_for("figure_differences")),
    output:
        report(jobs.figures(*jobs.stems("differences")), caption="../report/heat_map.rst", category="Main table"),
    log:
        jobs.log("figure_differences"),
    localrule: True
    conda:
        environment
    message:
        "Draw the differences between sources"
    shell:
        'python workflow/scripts/figure_differences.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule figure_languages:
    input:
        unpack(inputs_for("figure_languages")),
    output:
        report(
            jobs.figures(*(stem for name in run.tasks for stem in jobs.stems(f"languages_{name}"))),
            caption="../report/language_bars.rst",
            category="Languages",
        ),
    log:
        jobs.log("figure_languages"),
    localrule: True
    conda:
        environment
    message:
        "Draw the scores by language"
    shell:
        'python workflow/scripts/figure_languages.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule figure_curves:
    input:
        unpack(inputs_for("figure_curves")),
    output:
        report(
            jobs.figures(*jobs.stems("curves_intermediate"), *jobs.stems("curves_target")),
            caption="../report/learning_curves.rst",
            category="Intermediate tasks",
        ),
    log:
        jobs.log("figure_curves"),
    localrule: True
    conda:
        environment
    message:
        "Draw the training curves"
    shell:
        'python workflow/scripts/figure_curves.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule figure_published:
    input:
        unpack(inputs_for("figure_published")),
    output:
        report(jobs.figures(*jobs.stems("published")), caption="../report/published.rst", category="Published numbers"),
    log:
        jobs.log("figure_published"),
    localrule: True
    conda:
        environment
    message:
        "Draw the run against the published numbers"
    shell:
        'python workflow/scripts/figure_published.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule figures:
    input:
        rules.figure_differences.output,
        rules.figure_languages.output,
        rules.figure_curves.output,
        [] if run.data.origin == "world" else rules.figure_published.output,
