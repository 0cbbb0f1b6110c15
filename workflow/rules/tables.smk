# From scores to the tables; `snakemake tables` makes all of them.
rule collect_scores:
    input:
        spec=jobs.spec("collect_scores"),
        scores=jobs.scores(),
        trainings=jobs.trainings(),
    output:
        report(jobs.made("tables", "scores.csv"), caption="../report/scores.rst", category="Scores"),
    log:
        jobs.log("collect_scores"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Collect the scores"
    shell:
        'python workflow/scripts/collect_scores.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule intervals:
    input:
        spec=jobs.spec("intervals"),
        scores=jobs.made("tables", "scores.csv"),
        cells=jobs.scores(),
        trainings=jobs.trainings(),
    output:
        report(jobs.made("tables", "intervals.csv"), caption="../report/intervals.rst", category="Scores"),
    log:
        jobs.log("intervals"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Compute the intervals"
    shell:
        'python workflow/scripts/intervals.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule overlaps:
    input:
        spec=jobs.spec("overlaps"),
        data=jobs.all_data(),
        text=[jobs.text] if jobs.has_text else [],
    output:
        jobs.made("tables", "overlaps.csv"),
    log:
        jobs.log("overlaps"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Check that training data are English, and count evaluated texts in them"
    shell:
        'python workflow/scripts/overlaps.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule baseline:
    input:
        spec=spec_of("baseline", "task"),
        data=data_of("baseline", "task"),
    output:
        jobs.made("tables", "baselines", "{task}.json"),
    log:
        jobs.log("baseline", "{task}"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Score {wildcards.task} without an encoder"
    shell:
        'python workflow/scripts/baseline.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_main:
    input:
        spec=jobs.spec("table_main"),
        scores=jobs.made("tables", "scores.csv"),
        intervals=jobs.made("tables", "intervals.csv"),
        overlaps=jobs.made("tables", "overlaps.csv"),
        trainings=jobs.trainings(),
        published=jobs.published(),
    output:
        report(jobs.main_tables("main", "csv", "md"), caption="../report/main.rst", category="Main table"),
        report(jobs.main_tables("main_test", "csv", "md"), caption="../report/main_test.rst", category="Main table"),
        jobs.main_tables("main", "tex"),
        jobs.main_tables("main_test", "tex"),
    log:
        jobs.log("table_main"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Build the main table"
    shell:
        'python workflow/scripts/table_main.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_tasks:
    input:
        spec=jobs.spec("table_tasks"),
        data=jobs.all_data(),
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
        "../../envs/environment.yaml"
    message:
        "Count the tasks"
    shell:
        'python workflow/scripts/table_tasks.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_hyperparameters:
    input:
        spec=jobs.spec("table_hyperparameters"),
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
        "../../envs/environment.yaml"
    message:
        "Write down the settings"
    shell:
        'python workflow/scripts/table_hyperparameters.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_intermediate:
    input:
        spec=jobs.spec("table_intermediate"),
        trainings=jobs.trainings(),
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
        "../../envs/environment.yaml"
    message:
        "Collect the sources' own dev scores"
    shell:
        'python workflow/scripts/table_intermediate.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_languages:
    input:
        spec=jobs.spec("table_languages"),
        scores=jobs.made("tables", "scores.csv"),
    output:
        report(jobs.main_tables("languages", "csv", "md"), caption="../report/languages.rst", category="Languages"),
    log:
        jobs.log("table_languages"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Build the tables by language"
    shell:
        'python workflow/scripts/table_languages.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_baselines:
    input:
        spec=jobs.spec("table_baselines"),
        baselines=jobs.baselines(),
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
        "../../envs/environment.yaml"
    message:
        "Collect the scores without an encoder"
    shell:
        'python workflow/scripts/table_baselines.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_comparison:
    input:
        spec=jobs.spec("table_comparison"),
        scores=jobs.made("tables", "scores.csv"),
        intervals=jobs.made("tables", "intervals.csv"),
        overlaps=jobs.made("tables", "overlaps.csv"),
        trainings=jobs.trainings(),
        published=jobs.published(),
    output:
        report(
            [jobs.made("tables", name) for name in ("comparison.csv", "comparison.md")],
            caption="../report/comparison.rst",
            category="Published numbers",
        ),
    log:
        jobs.log("table_comparison"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Set the run beside the published numbers"
    shell:
        'python workflow/scripts/table_comparison.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_best:
    input:
        spec=jobs.spec("table_best"),
        scores=jobs.made("tables", "scores.csv"),
        intervals=jobs.made("tables", "intervals.csv"),
        overlaps=jobs.made("tables", "overlaps.csv"),
        trainings=jobs.trainings(),
        published=jobs.published(),
    output:
        report(jobs.main_tables("best", "csv", "md"), caption="../report/best.rst", category="Main table"),
    log:
        jobs.log("table_best"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Build the table of the best sources"
    shell:
        'python workflow/scripts/table_best.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_claims:
    input:
        spec=jobs.spec("table_claims"),
        scores=jobs.made("tables", "scores.csv"),
        cells=jobs.scores(),
        intervals=jobs.made("tables", "intervals.csv"),
        overlaps=jobs.made("tables", "overlaps.csv"),
        trainings=jobs.trainings(),
        published=jobs.published(),
    output:
        report(jobs.main_tables("claims", "csv", "md"), caption="../report/claims.rst", category="Published numbers"),
    log:
        jobs.log("table_claims"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Decide the claims about the paper"
    shell:
        'python workflow/scripts/table_claims.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule table_seeds:
    input:
        spec=jobs.spec("table_seeds"),
        intervals=jobs.made("tables", "intervals.csv"),
    output:
        report(jobs.main_tables("seeds", "csv", "md"), caption="../report/seeds.rst", category="Seeds"),
        report(jobs.main_tables("seeds_test", "csv", "md"), caption="../report/seeds.rst", category="Seeds"),
    log:
        jobs.log("table_seeds"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Build the tables over seeds"
    shell:
        'python workflow/scripts/table_seeds.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule tables:
    input:
        rules.collect_scores.output,
        rules.intervals.output,
        rules.overlaps.output,
        rules.table_main.output,
        rules.table_tasks.output,
        rules.table_hyperparameters.output,
        rules.table_intermediate.output,
        rules.table_languages.output,
        rules.table_baselines.output,
        rules.table_comparison.output,
        rules.table_best.output,
        rules.table_claims.output,
        rules.table_seeds.output if len(run.seeds) > 1 else [],
