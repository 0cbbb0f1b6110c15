# The pretrained encoder: brought from a folder or the Hub, or a small one pretrained here; and a user's own sources.
rule pretrain:
    input:
        unpack(inputs_for("pretrain")),
    output:
        jobs.pretrained("{model}"),
    log:
        jobs.log("pretrain", "{model}"),
    wildcard_constraints:
        model=one_of(name for name, own in encoders.items() if own.is_pretrained_here(name)),
    conda:
        environment
    threads: threads_for
    resources:
        gpu=1,
        mem_mb=memory_for("pretrain"),
        runtime=minutes_for("pretrain"),
    message:
        "Pretrain {wildcards.model}"
    shell:
        "python workflow/scripts/pretrain.py --spec {input.spec} --data {input.data} --output {output} --threads {threads} 2> {log}"


rule fetch_model:
    input:
        unpack(inputs_for("fetch_model")),
    output:
        jobs.pretrained("{model}"),
    log:
        jobs.log("fetch_model", "{model}"),
    wildcard_constraints:
        model=one_of(
            name
            for name, own in encoders.items()
            if not (own.is_pretrained_here(name) or own.encoders[name].is_trimmed)
        ),
    localrule: True
    conda:
        environment
    message:
        "Fetch {wildcards.model}"
    shell:
        "python workflow/scripts/fetch_model.py --spec {input.spec} --files {input.files:q} --output {output} 2> {log}"


rule fetch_whole:
    input:
        unpack(inputs_for("fetch_whole")),
    output:
        jobs.whole("{model}"),
    log:
        jobs.log("fetch_whole", "{model}"),
    localrule: True
    conda:
        environment
    message:
        "Fetch {wildcards.model}, to be trimmed"
    shell:
        "python workflow/scripts/fetch_whole.py --spec {input.spec} --files {input.files:q} --output {output} 2> {log}"


rule trim:
    input:
        unpack(inputs_for("trim")),
    output:
        jobs.pretrained("{model}"),
    log:
        jobs.log("trim", "{model}"),
    wildcard_constraints:
        model=one_of(name for name, own in encoders.items() if own.encoders[name].is_trimmed),
    localrule: True
    conda:
        environment
    threads: lambda wildcards: workload.of("trim", *wildcards).threads_of_trimming(wildcards.model, spare())
    message:
        "Trim {wildcards.model}"
    shell:
        "python workflow/scripts/trim.py --spec {input.spec} --encoder {input.encoder} --data {input.data} --output {output} --threads {threads} 2> {log}"


rule adopt_source:
    input:
        unpack(inputs_for("adopt_source")),
    output:
        jobs.encoder("{model}", "{source}", "{seed}"),
    log:
        jobs.log("adopt_source", "{model}", "{source}", "{seed}"),
    wildcard_constraints:
        source=one_of(run.own_encoders),
    priority: 26  # what is wrong with it is to be known before a training of days
    localrule: True
    conda:
        environment
    message:
        "Take {wildcards.source} as a source"
    shell:
        "python workflow/scripts/adopt_source.py --spec {input.spec} --encoder {input.encoder} --files {input.files:q} --output {output} 2> {log}"
