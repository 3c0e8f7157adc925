# Synaxial: from brain-MRI volumes to stacks of generated axial slices.
#
#   snakemake --profile profiles/demo        a small study in ten minutes, to see it work
#   snakemake --profile profiles/local       the study that config.yaml describes, here
#
# What is computed is in config.yaml, how and where in the profile; the stages are in
# workflow/rules, one file each, and their code in workflow/synaxial, one package each.

from snakemake.utils import min_version

# From 9.10 to 9.16 more jobs ran at once than there were cores (tests/workflow/test_cores.py).
min_version("9.17")


configfile: "config.yaml"


report: "workflow/report/study.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/settings.smk"
include: "workflow/rules/acquire.smk"
include: "workflow/rules/slice.smk"
include: "workflow/rules/resize.smk"
include: "workflow/rules/mask.smk"
include: "workflow/rules/pack.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/sample.smk"
include: "workflow/rules/render.smk"
include: "workflow/rules/control.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/catalogue.smk"
include: "workflow/rules/turing.smk"
include: "workflow/rules/scaling.smk"
include: "workflow/rules/segment.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        # A lost file in the middle is made again, with what follows; Snakemake by itself would
        # leave it as long as the end of the chain is there.
        volumes=of_subjects(rules.acquire.output.volume, subjects),
        slices=of_subjects(rules.slice.output.slices, subjects),
        images=of_subjects(rules.resize.output.images, subjects),
        manifest=rules.report_manifest.output.page,
        overview=rules.pack.output.overview,
        configuration=rules.report_configuration.output.page,
        settings=of_trainings(rules.report_experiment.output.page, study.chosen_experiments),
        dataset=rules.pack.output,
        trainings=of_trainings(list(rules.train.output), study.chosen_experiments),
        stacks=stacks_of(study.chosen_experiments),
        pictures=pictures_of_all_stacks(study.chosen_experiments),
        evidence=evidence(),
    localrule: True


onstart:
    check_cluster()
    take_results()


onsuccess:
    print(summary(), file=sys.stderr)


onerror:
    print(advice(), file=sys.stderr)
