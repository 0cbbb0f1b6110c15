# From scores to the tables; `snakemake tables` makes all of them.
rule collect_scores:
    input:
        unpack(inputs_for("collect_scores")),
    output:
        report(jobs.made("tables", "scores.csv"), caption="../report/scores.rst", category="Scores"),
        jobs.made("tables", "seals.json"),
    log:
        jobs.log("collect_scores"),
    localrule: True
    conda:
        environment
    message:
        "Collect the scores"
    shell:
        'python workflow/scripts/collect_scores.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule intervals:
    input:
        unpack(inputs_for("intervals")),
    output:
        report(jobs.made("tables", "intervals.csv"), caption="../report/intervals.rst", category="Scores"),
    log:
        jobs.log("intervals"),
    localrule: True
    conda:
        environment
    message:
        "Compute the intervals"
    shell:
        'python workflow/scripts/intervals.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule overlaps:
    input:
        unpack(inputs_for("overlaps")),
    output:
        jobs.made("tables", "overlaps.csv"),
    log:
        jobs.log("overlaps"),
    localrule: True
    conda:
        environment
    message:
        "Check that training data are English, and count evaluated texts in them"
    shell:
        'python workflow/scripts/overlaps.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule baseline:
    input:
        unpack(inputs_for("baseline")),
    output:
        jobs.made("tables", "baselines", "{task}.json"),
    log:
        jobs.log("baseline", "{task}"),
    localrule: True
    conda:
        environment
    message:
        "Score {wildcards.task} without an encoder"
    shell:
        'python workflow/scripts/baseline.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_main:
    input:
        unpack(inputs_for("table_main")),
    output:
        report(jobs.main_tables("main", "csv", "md"), caption="../report/main.rst", category="Main table"),
        report(jobs.main_tables("main_test", "csv", "md"), caption="../report/main_test.rst", category="Main table"),
        jobs.main_tables("main", "tex", "cells.json", "notes.json"),
        jobs.main_tables("main_test", "tex", "cells.json", "notes.json"),
    log:
        jobs.log("table_main"),
    localrule: True
    conda:
        environment
    message:
        "Build the main table"
    shell:
        'python workflow/scripts/table_main.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_tasks:
    input:
        unpack(inputs_for("table_tasks")),
    output:
        report(
            [jobs.made("tables", name) for name in ("tasks.csv", "tasks.md")],
            caption="../report/tasks.rst",
            category="Data and settings",
        ),
        jobs.made("tables", "sizes.csv"),
    log:
        jobs.log("table_tasks"),
    localrule: True
    conda:
        environment
    message:
        "Count the tasks"
    shell:
        'python workflow/scripts/table_tasks.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_hyperparameters:
    input:
        unpack(inputs_for("table_hyperparameters")),
    output:
        report(
            [jobs.made("tables", name) for name in ("hyperparameters.csv", "hyperparameters.md")],
            caption="../report/hyperparameters.rst",
            category="Data and settings",
        ),
    log:
        jobs.log("table_hyperparameters"),
    localrule: True
    conda:
        environment
    message:
        "Write down the settings"
    shell:
        'python workflow/scripts/table_hyperparameters.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_intermediate:
    input:
        unpack(inputs_for("table_intermediate")),
    output:
        report(
            [jobs.made("tables", name) for name in ("intermediate.csv", "intermediate.md")],
            caption="../report/intermediate.rst",
            category="Intermediate tasks",
        ),
    log:
        jobs.log("table_intermediate"),
    localrule: True
    conda:
        environment
    message:
        "Collect the sources' own dev scores"
    shell:
        'python workflow/scripts/table_intermediate.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_languages:
    input:
        unpack(inputs_for("table_languages")),
    output:
        report(jobs.main_tables("languages", "csv", "md"), caption="../report/languages.rst", category="Languages"),
        jobs.main_tables("languages", "cells.json"),
    log:
        jobs.log("table_languages"),
    localrule: True
    conda:
        environment
    message:
        "Build the tables by language"
    shell:
        'python workflow/scripts/table_languages.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_baselines:
    input:
        unpack(inputs_for("table_baselines")),
    output:
        report(
            [jobs.made("tables", name) for name in ("baselines.csv", "baselines.md")],
            caption="../report/baselines.rst",
            category="Baselines",
        ),
    log:
        jobs.log("table_baselines"),
    localrule: True
    conda:
        environment
    message:
        "Collect the scores without an encoder"
    shell:
        'python workflow/scripts/table_baselines.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_comparison:
    input:
        unpack(inputs_for("table_comparison")),
    output:
        report(
            jobs.main_tables("comparison", "csv", "md"),
            caption="../report/comparison.rst",
            category="Published numbers",
        ),
    log:
        jobs.log("table_comparison"),
    localrule: True
    conda:
        environment
    message:
        "Set the run beside the published numbers"
    shell:
        'python workflow/scripts/table_comparison.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_card:
    input:
        unpack(inputs_for("table_card")),
    output:
        jobs.main_tables("card", "md"),
    log:
        jobs.log("table_card"),
    localrule: True
    conda:
        environment
    message:
        "Write what a model card says"
    shell:
        'python workflow/scripts/table_card.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_best:
    input:
        unpack(inputs_for("table_best")),
    output:
        report(jobs.main_tables("best", "csv", "md"), caption="../report/best.rst", category="Main table"),
    log:
        jobs.log("table_best"),
    localrule: True
    conda:
        environment
    message:
        "Build the table of the best sources"
    shell:
        'python workflow/scripts/table_best.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_claims:
    input:
        unpack(inputs_for("table_claims")),
    output:
        report(jobs.main_tables("claims", "csv", "md"), caption="../report/claims.rst", category="Published numbers"),
    log:
        jobs.log("table_claims"),
    localrule: True
    conda:
        environment
    message:
        "Decide the claims about the paper"
    shell:
        'python workflow/scripts/table_claims.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_seeds:
    input:
        unpack(inputs_for("table_seeds")),
    output:
        report(jobs.main_tables("seeds", "csv", "md"), caption="../report/seeds.rst", category="Seeds"),
        report(jobs.main_tables("seeds_test", "csv", "md"), caption="../report/seeds.rst", category="Seeds"),
    log:
        jobs.log("table_seeds"),
    localrule: True
    conda:
        environment
    message:
        "Build the tables over seeds"
    shell:
        'python workflow/scripts/table_seeds.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule tables:
    input:
        rules.collect_scores.output[0],
        rules.intervals.output,
        rules.overlaps.output,
        rules.table_main.output,
        rules.table_tasks.output,
        rules.table_hyperparameters.output,
        rules.table_intermediate.output,
        rules.table_languages.output,
        rules.table_baselines.output,
        rules.table_comparison.output,
        rules.table_card.output,
        rules.table_best.output,
        rules.table_claims.output,
        rules.table_seeds.output if len(run.seeds) > 1 else [],
