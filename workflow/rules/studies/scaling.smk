# How the speed of a training grows with the number of ranks: `snakemake scaling`.
#
# The study sets the numbers of ranks to measure (`scaling.ranks`). The profile sets the rest, as it
# does for `train`: the ranks on each node, and the cores and GPUs of each rank.

from synaxial.studies.scaling.points import MODES


# `{nodes}` in the launcher stands for the number of nodes of this measurement. Nothing else should
# run beside it. On this machine, `trainings` keeps other measurements and trainings away. On Slurm,
# `measurements` keeps other measurements away, and `--exclusive` in the profile all other jobs.
rule scaling_run:
    input:
        settings=settings_of("scaling"),
        images=rules.pack.output.images,
        description=rules.pack.output.description,
        index=rules.pack.output.index,
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
        nodes=lambda wildcards: nodes_for(
            int(wildcards.ranks), resource_of_train("tasks", 1), resource_of_train("nodes", None)
        ),
        tasks=lambda wildcards: int(wildcards.ranks),
        # This marks an MPI job for the Slurm plugin; one rank must not be an MPI job.
        mpi=lambda wildcards: "yes" if int(wildcards.ranks) > 1 else "",
        cpus_per_task=1,
        device="auto",
        # As many for each rank as in the training. (On Slurm, `gres` in the profile sets this.)
        gpu=lambda wildcards: (
            int(wildcards.ranks) * resource_of_train("gpu", 0) // resource_of_train("tasks", 1)
        ),
        trainings=1,
        measurements=1,
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
        points=[f"{RESULTS}/scaling/{mode}_{ranks}.json" for mode, ranks in plan.points()],
    output:
        table=f"{RESULTS}/scaling/scaling.csv",
        page=report(
            f"{RESULTS}/scaling/scaling.html",
            caption="../../report/scaling.rst",
            category="Scaling",
            labels={"what": "table, cost model and limits"},
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
