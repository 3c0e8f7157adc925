# Synaxial: from brain-MRI volumes to stacks of generated axial slices.
#
#   snakemake --profile profiles/demo        a small study in five to eight minutes
#   snakemake --profile profiles/local       the study that config.yaml describes, on this machine
#
# The workflow itself is in workflow/Snakefile, where the Snakemake workflow catalogue looks for it.


include: "workflow/Snakefile"


# Snakemake takes no default target from an included file.
workflow.default_target = "all"
