# earthdim: pre-training variants -> embeddings -> intrinsic dimension, probes -> correlation -> figures, report.
#
#   snakemake --cores 2                                          the experiment `default`
#   snakemake --cores 2 --config experiment=smoke                another experiment of config/experiment
#   snakemake --cores 2 branch --config branch=modality          the tables of one branch
#   snakemake --cores 1 fetch --config experiment=table1         download released weights that are not available locally
#   snakemake --cores 1 verify --config experiment=smoke         compare every file with its record
#   snakemake --cores 1 trace --config experiment=smoke row=dimension:17    print the provenance of a row
#   snakemake --cores 1 archive --config experiment=smoke        write the whole experiment to one file
#   snakemake --cores 2 --config 'overrides=[sample.n=2000]'     other settings; results get separate names
from snakemake.utils import min_version

min_version("9.27")


report: "workflow/report/workflow.rst"


include: "workflow/rules/run.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/data_inputs.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/weights.smk"
include: "workflow/rules/pretrain_inputs.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/embed_inputs.smk"
include: "workflow/rules/embed.smk"
include: "workflow/rules/dimension.smk"
include: "workflow/rules/probe_inputs.smk"
include: "workflow/rules/probe.smk"
include: "workflow/rules/tables_inputs.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/correlate.smk"
include: "workflow/rules/figures_inputs.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/records_inputs.smk"
include: "workflow/rules/records.smk"


rule all:
    default_target: True
    input:
        figures,
        all_tables,
        extra_datasets,
        resolved_file,


rule branch:
    input:
        branch_tables,


onstart:
    runs.begin()
    preload_libraries()
    show_progress()


onsuccess:
    close()
    finish()


onerror:
    close()
    cancel_left(log)
