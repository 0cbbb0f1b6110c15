# The official scores, one small job a language.
rule score:
    input:
        spec=spec_of("score", "model", "source", "target", "seed", "task", "language"),
        predictions=jobs.prediction("{model}", "{source}", "{target}", "{seed}", "{task}"),
        data=lambda wildcards: jobs.data(task_of(wildcards.task).dataset, wildcards.language),
    output:
        jobs.score("{model}", "{source}", "{target}", "{seed}", "{task}", "{language}"),
    log:
        jobs.log("score", "{model}", "{source}", "{target}", "{seed}", "{task}", "{language}"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Score {wildcards.task} in {wildcards.language} after {wildcards.source} (seed {wildcards.seed})"
    shell:
        "python workflow/scripts/score.py --spec {input.spec} --predictions {input.predictions} --data {input.data} --output {output} 2> {log}"


for name in run.tasks:

    rule:
        name:
            f"score_{name}"
        input:
            jobs.scores(name),
