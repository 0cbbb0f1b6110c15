# The candidates of a task that are the same for all its languages, embedded once a model.
rule index:
    input:
        unpack(inputs_for("index")),
    output:
        jobs.index("{model}", "{source}", "{target}", "{seed}", "{task}"),
    log:
        jobs.log("index", "{model}", "{source}", "{target}", "{seed}", "{task}"),
    wildcard_constraints:
        task=one_of(jobs.indexed),
    priority: 14
    conda:
        environment
    threads: threads_for
    resources:
        gpu=1,
        mem_mb=memory_for("index"),
        runtime=minutes_for("index"),
    message:
        "Embed the candidates of {wildcards.task} with {wildcards.model} after {wildcards.source} (seed {wildcards.seed})"
    shell:
        "python workflow/scripts/index.py --spec {input.spec} --model {input.model} --below {input.below} --features {input.features} --data {input.data} --output {output} --threads {threads} 2> {log}"


# Predictions of one task in all its languages, the model loaded once.
rule predict:
    input:
        unpack(inputs_for("predict")),
    output:
        jobs.prediction("{model}", "{source}", "{target}", "{seed}", "{task}"),
    log:
        jobs.log("predict", "{model}", "{source}", "{target}", "{seed}", "{task}"),
    wildcard_constraints:
        source=one_of(s for one in jobs.all for s in one.run.source_names if one.predicting(s) == "predict"),
    priority: 15  # before the next training: a result as soon as there can be one, and weights that need not stay go
    conda:
        environment
    threads: threads_for
    resources:
        gpu=1,
        mem_mb=memory_for("predict"),
        runtime=minutes_for("predict"),
    message:
        "Predict {wildcards.task} with {wildcards.model} after {wildcards.source} (seed {wildcards.seed})"
    shell:
        "python workflow/scripts/predict.py --spec {input.spec} --model {input.model} --below {input.below} --features {input.features} --index {input.index} --like {input.like} --data {input.data} --output {output} --threads {threads} 2> {log}"
