# The official scores, one small job a language.
rule score:
    input:
        unpack(inputs_for("score")),
    output:
        jobs.score("{model}", "{source}", "{target}", "{seed}", "{task}", "{language}"),
    log:
        jobs.log("score", "{model}", "{source}", "{target}", "{seed}", "{task}", "{language}"),
    localrule: True
    conda:
        environment
    message:
        "Score {wildcards.task} in {wildcards.language} after {wildcards.source} (seed {wildcards.seed})"
    shell:
        "python workflow/scripts/score.py --spec {input.spec} --predictions {input.predictions} --data {input.data} --output {output} 2> {log}"


for name in run.tasks:

    rule:
        name:
            f"score_{name}"
        input:
            lambda wildcards, name=name: jobs.scores(name),
