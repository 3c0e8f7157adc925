# The page of a visual Turing test on the first training of the base experiment: `snakemake turing`.


# The key is protected, because answers cannot be scored without the key of their page.
rule turing:
    input:
        settings=settings_of("turing"),
        stacks=expand(
            rules.sample.output.stacks,
            experiment=study.base_experiment,
            seed=study.experiments[study.base_experiment].seeds[0],
        ),
        training=rules.pack.output.index,
        held_out=after_check(plan.check_turing, rules.pack_held_out.output.images),
        held_out_index=rules.pack_held_out.output.index,
    output:
        page=f"{RESULTS}/turing/page.html",
        key=protected(f"{RESULTS}/turing/key.json"),
    log:
        f"{LOGS}/turing.log",
    resources:
        mem_mb=4000,
    params:
        version=version_of("study turing build"),
        training=subpath(input.training, parent=True),
        held_out=subpath(input.held_out_index, parent=True),
    shell:
        "synaxial study turing build {input.stacks} --config {input.settings}"
        " --training {params.training} --held-out {params.held_out} --page {output.page}"
        " --key {output.key} > {log} 2>&1"
