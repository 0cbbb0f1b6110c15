# Predictions of one task in all its languages, the model loaded once.
rule predict:
    input:
        spec=spec_of("predict", "model", "source", "target", "seed", "task"),
        model=model_of,
        features=lambda wildcards: jobs.features_of_task(wildcards.model, wildcards.source, wildcards.task),
        data=data_of("task", "task"),
    output:
        jobs.prediction("{model}", "{source}", "{target}", "{seed}", "{task}"),
    log:
        jobs.log("predict", "{model}", "{source}", "{target}", "{seed}", "{task}"),
    priority: 15  # before the next training: a result as soon as there can be one, and weights that need not stay go
    conda:
        "../../envs/environment.yaml"
    threads: threads_for
    resources:
        gpu=1,
        mem_mb=memory_for("predict", "model", "source", "target", "seed", "task"),
        runtime=minutes_for("predict", "model", "source", "target", "seed", "task"),
    message:
        "Predict {wildcards.task} with {wildcards.model} after {wildcards.source} (seed {wildcards.seed})"
    shell:
        "python workflow/scripts/predict.py --spec {input.spec} --model {input.model} --features {input.features} --data {input.data} --output {output} --threads {threads} 2> {log}"
