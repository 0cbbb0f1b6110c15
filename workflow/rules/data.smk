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


rule prepare:
    input:
        spec=spec_of("prepare", "dataset", "language"),
        world=jobs.world if run.data.origin == "world" else [],
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
        'python workflow/scripts/prepare.py --spec {input.spec} --origin "$XSTILTS_ORIGIN" --output {output} 2> {log}'
