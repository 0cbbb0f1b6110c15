# What does not stay on the disk (`keep` in the configuration): weights, as soon as nothing in the run needs them.
rule drop:
    input:
        unpack(inputs_for("drop")),
    output:
        jobs.marker("{model}", "{source}", "{target}", "{seed}"),
    log:
        jobs.log("drop", "{model}", "{source}", "{target}", "{seed}"),
    priority: 30
    localrule: True
    conda:
        environment
    message:
        "Drop the weights of {wildcards.model} after {wildcards.source}, {wildcards.target} (seed {wildcards.seed})"
    shell:
        "python workflow/scripts/drop.py --model {input.model} --users {input.users} --indexes {input.indexes} --output {output} 2> {log}"
