# A generator from the dataset, by ChainerMN under MPI.
#
# How many ranks, cores and GPUs is the profile's to say (set-resources); see the README.


use rule settings as experiment with:
    output:
        study=f"{TRAINING}/experiment.yaml",
    log:
        f"{LOGS}/settings/{{experiment}}_{{seed}}.log",
    localrule: True
    params:
        part=lambda wildcards: as_yaml(
            part_of_training(study, wildcards.experiment, int(wildcards.seed))
        ),


# How often to write checkpoints and previews changes no result: its settings are `ancient`, so that
# they run nothing again.
#
# The checkpoints are no output: Snakemake deletes outputs before a job and after a failed one, and
# a training must find them again. Their folder is named by what the model depends on.
rule train:
    input:
        settings=rules.experiment.output.study,
        monitoring=ancient(settings_of("monitoring")),
        images=rules.pack.output.images,
        description=rules.pack.output.description,
        held_out=held_out_of_training,
        masks=lambda wildcards: masks_of_training(wildcards.experiment),
    output:
        generator=f"{TRAINING}/generator.npz",
        discriminator=f"{TRAINING}/discriminator.npz",
        epochs=f"{TRAINING}/log.csv",
        run=f"{TRAINING}/run.json",
        previews=directory(f"{TRAINING}/previews"),
        timeline=report(
            f"{TRAINING}/previews.png",
            caption="../report/previews.rst",
            category="Training",
            subcategory="{experiment}, seed {seed}",
            labels={"what": "previews over time"},
        ),
        curves=report(
            f"{TRAINING}/curves.png",
            caption="../report/curves.rst",
            category="Training",
            subcategory="{experiment}, seed {seed}",
            labels={"what": "curves"},
        ),
    log:
        f"{LOGS}/train/{{experiment}}/seed_{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/train/{{experiment}}/seed_{{seed}}.tsv"
    threads: 1
    resources:
        launcher="mpiexec",
        tasks=1,
        cpus_per_task=1,
        device="auto",
        gpu=0,
        trainings=1,
        runtime=7 * 24 * 60,
        mem_mb=8000,
    params:
        version=version_of("train"),
        dataset=subpath(input.images, parent=True),
        folder=subpath(output.generator, parent=True),
        held_out=lambda wildcards, input: (
            f"--held-out {Path(input.held_out[0]).parent}" if input.held_out else ""
        ),
        checkpoints=f"{RESULTS}/checkpoints",
    shell:
        "{resources.launcher} -n {resources.tasks} synaxial train --config {input.settings}"
        " --experiment {wildcards.experiment} --seed {wildcards.seed}"
        " --dataset {params.dataset} --output {params.folder}"
        " --checkpoints {params.checkpoints} --ranks {resources.tasks}"
        " --threads-per-rank {resources.cpus_per_task} --device {resources.device}"
        " --monitoring {input.monitoring} {params.held_out}"
        " --time-budget {resources.runtime} 2>&1 | tee {log}"
