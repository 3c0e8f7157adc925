# How the training's speed grows with the ranks: `snakemake scaling`.
#
# A point's ranks are the study's to say (`scaling.ranks`); the rest is the profile's, as it is for
# `train`: so many ranks a node, and so many cores and GPUs a rank.


# The launcher may have `{nodes}`, which is the point's own number. Nothing else of the machine's
# should run beside it: it waits for trainings, and they for it.
rule scaling_run:
    input:
        settings=settings_of("scaling"),
        images=rules.pack.output.images,
        description=rules.pack.output.description,
        masks=masks_of_training(study.scaling_experiment),
    output:
        point=f"{RESULTS}/scaling/{{mode}}_{{ranks}}.json",
    log:
        f"{LOGS}/scaling/{{mode}}_{{ranks}}.log",
    wildcard_constraints:
        mode="|".join(MODES),
        ranks=r"\d+",
    threads: lambda wildcards: int(wildcards.ranks)
    resources:
        launcher="mpiexec",
        nodes=nodes_of_point,
        tasks=lambda wildcards: int(wildcards.ranks),
        # The plugin's word for "an MPI job", which one rank must not be.
        mpi=lambda wildcards: "yes" if int(wildcards.ranks) > 1 else "",
        cpus_per_task=1,
        device="auto",
        gpu=gpus_of_point,
        trainings=1,
        runtime=60,
        mem_mb=8000,
    params:
        version=version_of("study scaling measure"),
        dataset=subpath(input.images, parent=True),
        launcher=lambda wildcards, resources: resources.launcher.replace(
            "{nodes}", str(resources.nodes)
        ),
    shell:
        "{params.launcher} -n {resources.tasks} synaxial study scaling measure --config {input.settings}"
        " --mode {wildcards.mode} --ranks {resources.tasks} --dataset {params.dataset}"
        " --threads-per-rank {resources.cpus_per_task} --device {resources.device}"
        " --output {output.point} 2>&1 | tee {log}"


rule scaling:
    input:
        settings=settings_of("efficiency"),
        points=[f"{RESULTS}/scaling/{mode}_{ranks}.json" for mode, ranks in POINTS],
    output:
        table=f"{RESULTS}/scaling/scaling.csv",
        page=report(
            f"{RESULTS}/scaling/scaling.html",
            caption="../../report/scaling.rst",
            category="Scaling",
            labels={"what": "table, cost model, and what it cannot show"},
        ),
        chart=report(
            f"{RESULTS}/scaling/scaling.png",
            caption="../../report/scaling.rst",
            category="Scaling",
            labels={"what": "throughput, efficiency, communication"},
        ),
    log:
        f"{LOGS}/scaling/scaling.log",
    localrule: True
    params:
        version=version_of("study scaling report"),
    shell:
        "synaxial study scaling report {input.points} --config {input.settings}"
        " --table {output.table} --page {output.page} --chart {output.chart} > {log} 2>&1"
