# The target phase: what came out of the intermediate phase, with a fresh head, on a target's English data.
rule train_target:
    input:
        spec=spec_of("train_target", "model", "source", "target", "seed"),
        encoder=encoder_of,
        data=lambda wildcards: jobs.features_of_target(wildcards.model, wildcards.source, wildcards.target),
    output:
        jobs.trained("{model}", "{source}", "{target}", "{seed}"),
    log:
        jobs.log("train_target", "{model}", "{source}", "{target}", "{seed}"),
    wildcard_constraints:
        source=one_of(source for _, source, _, _ in jobs.target_trainings()),
        target=one_of(run.targets),
    priority: 10
    conda:
        "../../envs/environment.yaml"
    threads: threads_for
    resources:
        gpu=1,
        mem_mb=memory_for("train_target", "model", "source", "target", "seed"),
        runtime=minutes_for("train_target", "model", "source", "target", "seed"),
    message:
        "Train {wildcards.model} after {wildcards.source} on {wildcards.target} (seed {wildcards.seed})"
    shell:
        "python workflow/scripts/train_target.py --spec {input.spec} --encoder {input.encoder} --data {input.data} --output {output} --threads {threads} 2> {log}"


rule choose_rate:
    input:
        spec=spec_of("choose_rate", "model", "source", "target", "seed"),
        candidates=lambda wildcards: jobs.candidates(wildcards.model, wildcards.target, wildcards.seed),
    output:
        jobs.trained("{model}", "{source}", "{target}", "{seed}"),
    log:
        jobs.log("choose_rate", "{model}", "{source}", "{target}", "{seed}"),
    wildcard_constraints:
        source=one_of(source for _, source, _, _ in jobs.choices()),
        target=one_of(run.targets),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Choose the learning rate of {wildcards.model} on {wildcards.target} (seed {wildcards.seed})"
    shell:
        "python workflow/scripts/choose_rate.py --spec {input.spec} --data {input.candidates} --output {output} 2> {log}"
