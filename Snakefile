# English intermediate-task training for zero-shot cross-lingual transfer: the whole experiment as one graph.
#
#   snakemake                                               the paper's configuration (config.yaml)
#   snakemake --configfile config/runs/demo.yaml                 generated languages, small, on CPU
#   snakemake --config sources=none,mnli tasks=xnli         a part of it
#   snakemake tables | figures | score_xnli                 a phase of it
from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/engine.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/intermediate.smk"
include: "workflow/rules/target.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/drop.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/verify.smk"
include: "workflow/rules/studies.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.tables.input,
        rules.figures.input,
        rules.verify.output,
        rules.report.output,
        [jobs.marker(*model) for model in jobs.dropped()],
