# What does not stay on the disk (`keep` in the configuration): weights, as soon as nothing in the run needs them.
rule drop:
    input:
        model=lambda wildcards: jobs.trained(*wildcards[:4]),
        users=lambda wildcards: jobs.users(*wildcards[:4]),
    output:
        jobs.marker("{model}", "{source}", "{target}", "{seed}"),
    log:
        jobs.log("drop", "{model}", "{source}", "{target}", "{seed}"),
    priority: 30
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "Drop the weights of {wildcards.model} after {wildcards.source}, {wildcards.target} (seed {wildcards.seed})"
    shell:
        "python workflow/scripts/drop.py --model {input.model} --users {input.users} --output {output} 2> {log}"
