# Texts to features, once for each tokenizer, on a CPU: what trains and predicts opens them and waits for nothing.
rule featurise:
    input:
        spec=spec_of("featurise", "model", "start", "use", "name"),
        encoder=lambda wildcards: jobs.tokenizer_of(wildcards.model, wildcards.start),
        data=lambda wildcards: jobs.data_of_features(wildcards.use, wildcards.name),
    output:
        jobs.features("{model}", "{start}", "{use}", "{name}"),
    log:
        jobs.log("featurise", "{model}", "{start}", "{use}", "{name}"),
    priority: 25  # before whatever computes on a GPU
    localrule: True
    conda:
        "../../envs/environment.yaml"
    threads: lambda wildcards: workload.threads_of_features(*wildcards)
    message:
        "Tokenise {wildcards.name} for {wildcards.model} ({wildcards.start}, {wildcards.use})"
    shell:
        'python workflow/scripts/featurise.py --spec {input.spec} --encoder {input.encoder} --data {input.data} --store "$XSTILTS_STORE/features" --output {output} --threads {threads} 2> {log}'
