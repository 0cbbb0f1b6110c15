# One study of a run (`study` in the configuration): what its arms should cost, then what they gave and did cost.
rule predict_study:
    input:
        unpack(inputs_for("predict_study")),
    output:
        jobs.made("studies", "{study}", "predicted.csv"),
    log:
        jobs.log("predict_study", "{study}"),
    priority: 100  # before anything is measured
    localrule: True
    conda:
        environment
    message:
        "Predict what the arms of study {wildcards.study} cost"
    shell:
        'python workflow/scripts/predict_study.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


rule measure_speed:
    input:
        unpack(inputs_for("measure_speed")),
    output:
        jobs.made("studies", "{study}", "speed", "manifest.json"),
    log:
        jobs.log("measure_speed", "{study}"),
    conda:
        environment
    threads: workload.threads(run.models[0])
    resources:
        gpu=1,
        mem_mb=memory_of(32000),
        runtime=minutes_each(60),
    message:
        "Measure the speed of the arms of study {wildcards.study}"
    shell:
        "python workflow/scripts/measure_speed.py --spec {input.spec} --encoder {input.encoder} --data {input.data} --output {output} --threads {threads} 2> {log}"


rule measure_serving:
    input:
        unpack(inputs_for("measure_serving")),
    output:
        jobs.made("studies", "{study}", "serving", "manifest.json"),
    log:
        jobs.log("measure_serving", "{study}"),
    conda:
        environment
    threads: workload.threads(run.models[0])
    resources:
        gpu=1,
        mem_mb=memory_of(64000),
        runtime=minutes_of_serving,
    message:
        "Measure how fast the arms of study {wildcards.study} answer"
    shell:
        "python workflow/scripts/measure_serving.py --spec {input.spec} --data {input.data} --output {output} --threads {threads} 2> {log}"


# Predictions of one task, in each language after a training on examples of it; the trained models are not kept.
rule few_shot:
    input:
        unpack(inputs_for("few_shot")),
    output:
        jobs.prediction("{model}", "{source}", "{target}", "{seed}", "{task}"),
    log:
        jobs.log("few_shot", "{model}", "{source}", "{target}", "{seed}", "{task}"),
    wildcard_constraints:
        source=one_of(s for one in jobs.all for s in one.run.source_names if one.predicting(s) == "few_shot"),
    priority: 14
    conda:
        environment
    threads: threads_for
    resources:
        gpu=1,
        mem_mb=memory_for("few_shot"),
        runtime=minutes_for("few_shot"),
    message:
        "Train {wildcards.model} on examples of each language and predict {wildcards.task}: {wildcards.source} (seed {wildcards.seed})"
    shell:
        "python workflow/scripts/few_shot.py --spec {input.spec} --model {input.model} --below {input.below} --features {input.features} --data {input.data} --output {output} --threads {threads} 2> {log}"


rule fetch_decoder:
    input:
        unpack(inputs_for("fetch_decoder")),
    output:
        jobs.decoder,
    log:
        jobs.log("fetch_decoder"),
    localrule: True
    conda:
        environment
    message:
        "Fetch the decoder that answers from its context"
    shell:
        "python workflow/scripts/fetch_decoder.py --spec {input.spec} --files {input.files:q} --output {output} 2> {log}"


rule in_context:
    input:
        unpack(inputs_for("in_context")),
    output:
        jobs.prediction("{model}", "{source}", "{target}", "{seed}", "{task}"),
    log:
        jobs.log("in_context", "{model}", "{source}", "{target}", "{seed}", "{task}"),
    wildcard_constraints:
        source=one_of(s for one in jobs.all for s in one.run.source_names if one.predicting(s) == "in_context"),
    conda:
        environment
    threads: 2
    resources:
        gpu=1,
        mem_mb=memory_of(64000),
        runtime=minutes_each(120),
    message:
        "Predict {wildcards.task} with a decoder: {wildcards.source} (seed {wildcards.seed})"
    shell:
        "python workflow/scripts/in_context.py --spec {input.spec} --model {input.model} --shots {input.shots} --features {input.features} --like {input.like} --data {input.data} --output {output} --threads {threads} 2> {log}"


rule measure_latency:
    input:
        unpack(inputs_for("measure_latency")),
    output:
        jobs.made("studies", "{study}", "latency", "manifest.json"),
    log:
        jobs.log("measure_latency", "{study}"),
    conda:
        environment
    threads: workload.threads(run.models[0])
    resources:
        gpu=1,
        mem_mb=memory_of(64000),
        runtime=minutes_each(60),
    message:
        "Measure how fast the models of study {wildcards.study} answer"
    shell:
        "python workflow/scripts/measure_latency.py --spec {input.spec} --features {input.features} --below {input.below} --decoder {input.decoder} --shots {input.shots} --data {input.models} {input.data} --output {output} --threads {threads} 2> {log}"


rule study:
    input:
        unpack(inputs_for("study")),
    output:
        [jobs.made("studies", "{study}", name) for name in jobs.decided],
    log:
        jobs.log("study", "{study}"),
    localrule: True
    conda:
        environment
    message:
        "Decide study {wildcards.study}"
    shell:
        'python workflow/scripts/study.py --spec {input.spec} --run "$XSTILTS_RUN" 2> {log}'


# `snakemake studied --config study=NAME`: the study, and of its models no more weights than `keep` says.
rule studied:
    input:
        jobs.of_study("verdict.md") if run.study else [],
        [jobs.marker(*model) for model in jobs.dropped_of_study()],
