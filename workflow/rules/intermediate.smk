# The intermediate phase: the pretrained encoder on one source, some with raw text beside it.
rule sample_text:
    input:
        unpack(inputs_for("sample_text")),
    output:
        jobs.text,
    log:
        jobs.log("sample_text"),
    localrule: True
    conda:
        environment
    message:
        "Draw the raw text beside the sources"
    shell:
        "python workflow/scripts/sample_text.py --spec {input.spec} --data {input.data} --output {output} 2> {log}"


rule train_intermediate:
    input:
        unpack(inputs_for("train_intermediate")),
    output:
        jobs.encoder("{model}", "{source}", "{seed}"),
    log:
        jobs.log("train_intermediate", "{model}", "{source}", "{seed}"),
    wildcard_constraints:
        source=one_of(source for one in jobs.all for _, source, _ in one.intermediate()),
    priority: 5 if run.keep == "pretrained" else 20  # one source after the other when its encoder does not stay
    conda:
        environment
    threads: threads_of_training("train_intermediate")
    resources:
        gpu=gpus_for("train_intermediate"),
        mem_mb=memory_for("train_intermediate"),
        runtime=minutes_for("train_intermediate"),
    message:
        "Train {wildcards.model} on {wildcards.source} (seed {wildcards.seed})"
    shell:
        "python workflow/scripts/train_intermediate.py --spec {input.spec} --encoder {input.encoder} --below {input.below} --data {input.data} --output {output} --threads {threads} 2> {log}"
