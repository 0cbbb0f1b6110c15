# From scores to the figures; `snakemake figures` makes all of them.
rule figure_differences:
    input:
        spec=jobs.spec("figure_differences"),
        scores=jobs.made("tables", "scores.csv"),
        intervals=jobs.made("tables", "intervals.csv"),
        overlaps=jobs.made("tables", "overlaps.csv"),
        trainings=jobs.trainings(),
        baselines=jobs.baselines(),
    output:
        report(jobs.figures("differences"), caption="../report/heat_map.rst", category="Main table"),
    log:
        jobs.log("figure_differences"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Draw the differences between sources"
    shell:
        'python workflow/scripts/figure_differences.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule figure_languages:
    input:
        spec=jobs.spec("figure_languages"),
        scores=jobs.made("tables", "scores.csv"),
        baselines=jobs.baselines(),
    output:
        report(
            jobs.figures(*(f"languages_{name}" for name in run.tasks)),
            caption="../report/language_bars.rst",
            category="Languages",
        ),
    log:
        jobs.log("figure_languages"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Draw the scores by language"
    shell:
        'python workflow/scripts/figure_languages.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule figure_curves:
    input:
        spec=jobs.spec("figure_curves"),
        trainings=jobs.trainings(),
    output:
        report(
            jobs.figures("curves_intermediate", "curves_target"),
            caption="../report/learning_curves.rst",
            category="Intermediate tasks",
        ),
    log:
        jobs.log("figure_curves"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Draw the training curves"
    shell:
        'python workflow/scripts/figure_curves.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule figure_published:
    input:
        spec=jobs.spec("figure_published"),
        scores=jobs.made("tables", "scores.csv"),
        intervals=jobs.made("tables", "intervals.csv"),
        overlaps=jobs.made("tables", "overlaps.csv"),
        trainings=jobs.trainings(),
        published=jobs.published(),
    output:
        report(jobs.figures("published"), caption="../report/published.rst", category="Published numbers"),
    log:
        jobs.log("figure_published"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
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
