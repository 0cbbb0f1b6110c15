# The intermediate phase: the pretrained encoder on one source, some with raw text beside it.
rule sample_text:
    input:
        spec=jobs.spec("sample_text"),
        data=jobs.text_of_sample() + jobs.evaluation_data() if jobs.has_text else [],
    output:
        jobs.text,
    log:
        jobs.log("sample_text"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Draw the raw text beside the sources"
    shell:
        "python workflow/scripts/sample_text.py --spec {input.spec} --data {input.data} --output {output} 2> {log}"


rule train_intermediate:
    input:
        spec=spec_of("train_intermediate", "model", "source", "seed"),
        encoder=jobs.pretrained("{model}"),
        data=lambda wildcards: (
            jobs.features_of_source(wildcards.model, wildcards.source) + jobs.counted_for_source(wildcards.source)
        ),
    output:
        jobs.encoder("{model}", "{source}", "{seed}"),
    log:
        jobs.log("train_intermediate", "{model}", "{source}", "{seed}"),
    wildcard_constraints:
        source=one_of(source for _, source, _ in jobs.intermediate()),
    priority: 5 if run.keep == "none" else 20  # one source after the other when its encoder does not stay
    conda:
        "../../envs/environment.yaml"
    threads: threads_for
    resources:
        gpu=1,
        mem_mb=memory_for("train_intermediate", "model", "source", "seed"),
        runtime=minutes_for("train_intermediate", "model", "source", "seed"),
    message:
        "Train {wildcards.model} on {wildcards.source} (seed {wildcards.seed})"
    shell:
        "python workflow/scripts/train_intermediate.py --spec {input.spec} --encoder {input.encoder} --data {input.data} --output {output} --threads {threads} 2> {log}"
