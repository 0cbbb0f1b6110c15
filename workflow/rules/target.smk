# The target phase: what came out of the intermediate phase, with a fresh head, on a target's English data.
rule train_target:
    input:
        unpack(inputs_for("train_target")),
    output:
        jobs.trained("{model}", "{source}", "{target}", "{seed}"),
    log:
        jobs.log("train_target", "{model}", "{source}", "{target}", "{seed}"),
    wildcard_constraints:
        source=one_of(source for one in jobs.all for _, source, _, _ in one.target_trainings()),
        target=one_of(target for one in jobs.all for target in one.run.targets),
    priority: 10
    conda:
        environment
    threads: threads_of_training("train_target")
    resources:
        gpu=gpus_for("train_target"),
        mem_mb=memory_for("train_target"),
        runtime=minutes_for("train_target"),
    message:
        "Train {wildcards.model} after {wildcards.source} on {wildcards.target} (seed {wildcards.seed})"
    shell:
        "python workflow/scripts/train_target.py --spec {input.spec} --encoder {input.encoder} --below {input.below} --data {input.data} --output {output} --threads {threads} 2> {log}"


rule choose_rate:
    input:
        unpack(inputs_for("choose_rate")),
    output:
        jobs.trained("{model}", "{source}", "{target}", "{seed}"),
    log:
        jobs.log("choose_rate", "{model}", "{source}", "{target}", "{seed}"),
    wildcard_constraints:
        source=one_of(source for one in jobs.all for _, source, _, _ in one.choices()),
        target=one_of(target for one in jobs.all for target in one.run.targets),
    localrule: True
    conda:
        environment
    message:
        "Choose the learning rate of {wildcards.model} on {wildcards.target} (seed {wildcards.seed})"
    shell:
        "python workflow/scripts/choose_rate.py --spec {input.spec} --data {input.candidates} --output {output} 2> {log}"
