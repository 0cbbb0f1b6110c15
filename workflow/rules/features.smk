# Texts to features, once for each tokenizer, on a CPU: what trains and predicts opens them and waits for nothing.
rule featurise:
    input:
        unpack(inputs_for("featurise")),
    output:
        jobs.features("{model}", "{start}", "{use}", "{name}"),
    log:
        jobs.log("featurise", "{model}", "{start}", "{use}", "{name}"),
    priority: 25  # before whatever computes on a GPU
    localrule: True
    conda:
        environment
    threads: lambda wildcards: workload.of("featurise", *wildcards).threads_of_features(*wildcards, spare())
    message:
        "Tokenise {wildcards.name} for {wildcards.model} ({wildcards.start}, {wildcards.use})"
    shell:
        'python workflow/scripts/featurise.py --spec {input.spec} --encoder {input.encoder} --data {input.data} --store "$XSTILTS_STORE/features" --output {output} --threads {threads} 2> {log}'
