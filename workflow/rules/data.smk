# From where the data come to one form for all stages, in the store that all runs share.
rule world:
    input:
        spec=jobs.spec("world"),
    output:
        jobs.world,
    log:
        jobs.log("world"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Generate the small world and its languages"
    shell:
        "python workflow/scripts/world.py --spec {input.spec} --output {output} 2> {log}"


# Pins what the run reads from the Hub, before it: `snakemake lock`, with the run's own --configfile and --config.
rule lock:
    log:
        jobs.log("lock"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        data=jobs.hub_data(),
        models=list(jobs.hub_models()),
    message:
        "Pin what comes from the Hugging Face Hub"
    shell:
        "python -m xstilts.cli lock --data {params.data:q} --model {params.models:q} 2>&1 | tee {log}"


rule download:
    input:
        spec=spec_of("download", "dataset"),
    output:
        jobs.download("{dataset}"),
    log:
        jobs.log("download", "{dataset}"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Fetch {wildcards.dataset}"
    shell:
        "python workflow/scripts/download.py --spec {input.spec} --output {output} 2> {log}"


rule prepare:
    input:
        spec=spec_of("prepare", "dataset", "language"),
        world=jobs.world if run.data.origin == "world" else [],
        download=lambda wildcards: jobs.download_of(wildcards.dataset, wildcards.language),
    output:
        jobs.data("{dataset}", "{language}"),
    log:
        jobs.log("prepare", "{dataset}", "{language}"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Read {wildcards.dataset} in {wildcards.language}"
    shell:
        'python workflow/scripts/prepare.py --spec {input.spec} --origin "$XSTILTS_ORIGIN" --download {input.download} '
        "--output {output} 2> {log}"


# Training data in other languages that no file holds, translated here.
rule fetch_translator:
    input:
        spec=jobs.spec("fetch_translator"),
        files=jobs.files_of_translator(),
    output:
        jobs.translator,
    log:
        jobs.log("fetch_translator"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Fetch the translation model"
    shell:
        "python workflow/scripts/fetch_translator.py --spec {input.spec} --files {input.files:q} --output {output} 2> {log}"


rule translate:
    input:
        spec=spec_of("translate", "dataset", "language"),
        translator=jobs.translator,
        data=lambda wildcards: jobs.data_of_translation(wildcards.dataset),
    output:
        jobs.translated("{dataset}", "{language}"),
    log:
        jobs.log("translate", "{dataset}", "{language}"),
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=32000,
        runtime=lambda wildcards, attempt: 1440 * attempt,
    message:
        "Translate {wildcards.dataset} into {wildcards.language}"
    shell:
        "python workflow/scripts/translate.py --spec {input.spec} --translator {input.translator} --data {input.data} --output {output} --threads {threads} 2> {log}"
