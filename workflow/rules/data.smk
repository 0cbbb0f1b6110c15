# From where the data come to one form for all stages, in the store that all runs share.
rule world:
    input:
        unpack(inputs_for("world")),
    output:
        jobs.world,
    log:
        jobs.log("world"),
    localrule: True
    conda:
        environment
    message:
        "Generate the small world and its languages"
    shell:
        "python workflow/scripts/world.py --spec {input.spec} --output {output} 2> {log}"


# Pins what the run, and its study, read from the Hub, before it: `snakemake lock`, with the run's own --configfile and
# --config. Where that is nothing it writes no file.
rule lock:
    log:
        jobs.log("lock"),
    localrule: True
    conda:
        environment
    params:
        data=list(dict.fromkeys(name for one in jobs.all for name in one.hub_data())),
        text=list(dict.fromkeys(code for one in jobs.all for code in one.fetched_texts())),
        models=list(dict.fromkeys(place for one in jobs.all for place in one.hub_models())),
    message:
        "Pin what comes from the Hugging Face Hub"
    shell:
        '[ -z "$(echo {params.data:q}{params.text:q}{params.models:q})" ] || '
        "python -m xstilts.cli lock --data {params.data:q} --text {params.text:q} --model {params.models:q} 2>&1 | tee {log}"


rule download:
    input:
        unpack(inputs_for("download")),
    output:
        jobs.download("{dataset}"),
    log:
        jobs.log("download", "{dataset}"),
    localrule: True
    conda:
        environment
    message:
        "Fetch {wildcards.dataset}"
    shell:
        "python workflow/scripts/download.py --spec {input.spec} --output {output} 2> {log}"


# Raw text where the mirror has none: a share of each language.
rule fetch_text:
    input:
        unpack(inputs_for("fetch_text")),
    output:
        jobs.text_in("{language}"),
    log:
        jobs.log("fetch_text", "{language}"),
    localrule: True
    conda:
        environment
    message:
        "Fetch raw text in {wildcards.language}"
    shell:
        "python workflow/scripts/fetch_text.py --spec {input.spec} --output {output} 2> {log}"


rule prepare:
    input:
        unpack(inputs_for("prepare")),
    output:
        jobs.data("{dataset}", "{language}"),
    log:
        jobs.log("prepare", "{dataset}", "{language}"),
    localrule: True
    conda:
        environment
    message:
        "Read {wildcards.dataset} in {wildcards.language}"
    shell:
        'python workflow/scripts/prepare.py --spec {input.spec} --origin "$XSTILTS_ORIGIN" --world {input.world} '
        "--download {input.download} --files {input.files:q} --output {output} 2> {log}"


# Training data in other languages that no file holds, translated here.
rule fetch_translator:
    input:
        unpack(inputs_for("fetch_translator")),
    output:
        jobs.translator,
    log:
        jobs.log("fetch_translator"),
    localrule: True
    conda:
        environment
    message:
        "Fetch the translation model"
    shell:
        "python workflow/scripts/fetch_translator.py --spec {input.spec} --files {input.files:q} --output {output} 2> {log}"


rule translate:
    input:
        unpack(inputs_for("translate")),
    output:
        jobs.translated("{dataset}", "{language}"),
    log:
        jobs.log("translate", "{dataset}", "{language}"),
    conda:
        environment
    threads: 1
    resources:
        gpu=1,
        mem_mb=memory_of(32000),
        runtime=minutes_each(1440),
    message:
        "Translate {wildcards.dataset} into {wildcards.language}"
    shell:
        "python workflow/scripts/translate.py --spec {input.spec} --translator {input.translator} --data {input.data} --output {output} --threads {threads} 2> {log}"
