# One searchable database of all generated images and their numbers.


# The database is not an output, because Snakemake would delete it before the job of each training.
# The output is a record of what was loaded. Loading the same images again changes nothing.
#
# The job takes seconds. It runs where Snakemake runs, because SQLite's locks work between processes
# on one machine, but perhaps not between the nodes of a cluster.
rule catalogue_load:
    input:
        settings=settings_of("catalogue"),
        run=rules.train.output.run,
        measurements=rules.evaluate.output.measurements,
        reference=rules.reference.output.measurements,
        stacks=rules.sample.output.stacks,
        training=rules.pack.output.images,
        index=rules.pack.output.index,
    output:
        record=f"{TRAINING}/catalogue.json",
    log:
        f"{LOGS}/catalogue/{{experiment}}/seed_{{seed}}.log",
    localrule: True
    params:
        version=version_of("catalogue load"),
        url=plan.catalogue,
        # Not used by the command: its change runs the job again if the database was deleted. It is a
        # function of the wildcards only, because Snakemake ignores changes derived from outputs.
        lost=lambda wildcards: plan.catalogue_is_lost(wildcards.experiment, wildcards.seed),
        training=subpath(input.training, parent=True),
    shell:
        "synaxial catalogue load {input.stacks} --config {input.settings} --url {params.url:q}"
        " --run {input.run} --measurements {input.measurements} --reference {input.reference}"
        " --training {params.training} --output {output.record} > {log} 2>&1"


rule catalogue:
    input:
        of_trainings(rules.catalogue_load.output.record, CHOSEN),
    localrule: True
