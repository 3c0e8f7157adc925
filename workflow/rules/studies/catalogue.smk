# All generated images with their numbers in one database, to search and to look at.


# The database is no output: Snakemake would delete it before each training's job. Its record is;
# loading the same again changes nothing. A job of seconds, and where Snakemake runs: SQLite's locks
# hold between processes of one machine, not surely between nodes.
rule catalogue_load:
    input:
        settings=settings_of("catalogue"),
        run=rules.train.output.run,
        measurements=rules.measure.output.measurements,
        reference=expand(rules.measure_control.output.measurements, control="reference"),
        stacks=rules.measure.input.stacks,
        training=rules.pack.output.images,
        index=rules.pack.output.index,
    output:
        record=f"{TRAINING}/catalogue.json",
    log:
        f"{LOGS}/catalogue/{{experiment}}/seed_{{seed}}.log",
    localrule: True
    params:
        version=version_of("catalogue load"),
        url=CATALOGUE,
        # No part of the command: that it has changed runs the job.
        lost=catalogue_is_lost,
        training=subpath(input.training, parent=True),
    shell:
        "synaxial catalogue load --config {input.settings} --url {params.url:q} --run {input.run}"
        " --measurements {input.measurements} --reference {input.reference}"
        " --stacks {input.stacks} --training {params.training} --output {output.record}"
        " > {log} 2>&1"


rule catalogue:
    input:
        of_trainings(rules.catalogue_load.output.record, study.chosen_experiments),
    localrule: True
