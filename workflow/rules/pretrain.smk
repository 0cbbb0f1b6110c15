# The pretrained encoder: brought from a folder or the Hub, or a small one pretrained here; and a user's own sources.
rule pretrain:
    input:
        spec=spec_of("pretrain", "model"),
        data=data_of("pretraining", "model"),
    output:
        jobs.pretrained("{model}"),
    log:
        jobs.log("pretrain", "{model}"),
    wildcard_constraints:
        model=one_of(name for name in run.models if run.is_pretrained_here(name)),
    conda:
        "../../envs/environment.yaml"
    threads: threads_for
    resources:
        gpu=1,
        mem_mb=memory_for("pretrain", "model"),
        runtime=minutes_for("pretrain", "model"),
    message:
        "Pretrain {wildcards.model}"
    shell:
        "python workflow/scripts/pretrain.py --spec {input.spec} --data {input.data} --output {output} --threads {threads} 2> {log}"


rule fetch_model:
    input:
        spec=spec_of("fetch_model", "model"),
        files=lambda wildcards: jobs.files_of_model(wildcards.model),
    output:
        jobs.pretrained("{model}"),
    log:
        jobs.log("fetch_model", "{model}"),
    wildcard_constraints:
        model=one_of(name for name in run.models if not run.is_pretrained_here(name)),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Fetch {wildcards.model}"
    shell:
        "python workflow/scripts/fetch_model.py --spec {input.spec} --files {input.files:q} --output {output} 2> {log}"


rule adopt_source:
    input:
        spec=spec_of("adopt_source", "model", "source", "seed"),
        files=lambda wildcards: jobs.files_of_source(wildcards.source),
    output:
        jobs.encoder("{model}", "{source}", "{seed}"),
    log:
        jobs.log("adopt_source", "{model}", "{source}", "{seed}"),
    wildcard_constraints:
        source=one_of(run.own_encoders),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Take {wildcards.source} as a source"
    shell:
        "python workflow/scripts/adopt_source.py --spec {input.spec} --files {input.files:q} --output {output} 2> {log}"
