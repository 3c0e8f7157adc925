# From the data set to generators, stacks of generated images, and pictures of the stacks.

MASKED = [pair for pair in CHOSEN if study.experiments[pair[0]].masks]
COARSE_TO_FINE = [pair for pair in CHOSEN if study.experiments[pair[0]].is_coarse_to_fine]


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


# Only for experiments with `architecture: coarse_to_fine`: the network that enlarges the images of the
# coarse generator, which `train` trains.
rule train_upsampler:
    input:
        settings=rules.experiment.output.study,
        monitoring=ancient(settings_of("monitoring")),
        images=rules.pack.output.images,
        description=rules.pack.output.description,
    output:
        upsampler=f"{TRAINING}/upsampler/upsampler.npz",
        epochs=f"{TRAINING}/upsampler/log.csv",
        run=f"{TRAINING}/upsampler/run.json",
        previews=directory(f"{TRAINING}/upsampler/previews"),
        timeline=f"{TRAINING}/upsampler/previews.png",
        curves=report(
            f"{TRAINING}/upsampler/curves.png",
            caption="../report/curves.rst",
            category="Training",
            subcategory="{experiment}, seed {seed}",
            labels={"what": "curves of the up-sampler"},
        ),
    log:
        f"{LOGS}/train_upsampler/{{experiment}}/seed_{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/train_upsampler/{{experiment}}/seed_{{seed}}.tsv"
    threads: 1
    resources:
        launcher="mpiexec",
        tasks=1,
        cpus_per_task=1,
        device="auto",
        gpu=0,
        trainings=1,
        runtime=24 * 60,
        mem_mb=4000,
    params:
        version=version_of("upsampler train"),
        dataset=subpath(input.images, parent=True),
        folder=subpath(output.upsampler, parent=True),
        checkpoints=str(plan.results / "checkpoints"),
    shell:
        "{resources.launcher} -n {resources.tasks} synaxial upsampler train --config {input.settings}"
        " --experiment {wildcards.experiment} --seed {wildcards.seed}"
        " --dataset {params.dataset} --output {params.folder}"
        " --checkpoints {params.checkpoints} --ranks {resources.tasks}"
        " --threads-per-rank {resources.cpus_per_task} --device {resources.device}"
        " --monitoring {input.monitoring} --time-budget {resources.runtime} 2>&1 | tee {log}"


# The profile sets the number of ranks, cores and GPUs.
#
# The settings of `monitoring` are `ancient`, because they do not change the result. They only say how
# often checkpoints and previews are written.
#
# The checkpoints are not an output, because a training must find them again and Snakemake deletes
# outputs before a job and after a failed one. Their folder's name is derived from everything that the
# model depends on.
rule train:
    input:
        settings=rules.experiment.output.study,
        monitoring=ancient(settings_of("monitoring")),
        images=rules.pack.output.images,
        description=rules.pack.output.description,
        index=lambda wildcards: (
            rules.pack.output.index if study.experiments[wildcards.experiment].conditions else []
        ),
        # Only if the training compares its images with them while it runs.
        held_out=lambda wildcards: (
            [rules.pack_held_out.output.images, rules.pack_held_out.output.index]
            if study.experiments[wildcards.experiment].validated
            else []
        ),
        masks=lambda wildcards: masks_of_training(wildcards.experiment),
        upsampler=lambda wildcards: (
            rules.train_upsampler.output.upsampler
            if study.experiments[wildcards.experiment].is_coarse_to_fine
            else []
        ),
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
        upsampler=lambda wildcards, input: (
            f"--upsampler {input.upsampler}" if input.upsampler else ""
        ),
        checkpoints=str(plan.results / "checkpoints"),
    shell:
        "{resources.launcher} -n {resources.tasks} synaxial train --config {input.settings}"
        " --experiment {wildcards.experiment} --seed {wildcards.seed}"
        " --dataset {params.dataset} --output {params.folder}"
        " --checkpoints {params.checkpoints} --ranks {resources.tasks}"
        " --threads-per-rank {resources.cpus_per_task} --device {resources.device}"
        " --monitoring {input.monitoring} {params.held_out} {params.upsampler}"
        " --time-budget {resources.runtime} 2>&1 | tee {log}"


rule sample:
    input:
        settings=settings_of("sample"),
        generator=rules.train.output.generator,
    output:
        stacks=[f"{TRAINING}/samples/stack_{stack}.tif" for stack in STACKS],
    log:
        f"{LOGS}/sample/{{experiment}}/seed_{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/sample/{{experiment}}/seed_{{seed}}.tsv"
    threads: 4
    resources:
        device="auto",
        gpu=0,
        mem_mb=6000,
    params:
        version=version_of("sample"),
    shell:
        synaxial_for_each(
            "STACK",
            STACKS,
            "sample --config {input.settings} --generator {input.generator} --stack STACK"
            " --device {resources.device} --threads {threads} --output {output.stacks[STACK]}",
        )
        + " > {log} 2>&1"


rule render:
    input:
        settings=settings_of("render"),
        stacks=rules.sample.output.stacks,
    output:
        sheets=[
            report(
                f"{TRAINING}/samples/stack_{stack}.png",
                caption="../report/sheet.rst",
                category="Generated images",
                subcategory="{experiment}, seed {seed}",
                labels={"what": f"stack {stack}"},
            )
            for stack in STACKS
        ],
        images=(
            [directory(f"{TRAINING}/samples/stack_{stack}_images") for stack in STACKS]
            if study.render.images
            else []
        ),
        volumes=(
            [f"{TRAINING}/samples/stack_{stack}.nii.gz" for stack in STACKS]
            if study.render.nifti
            else []
        ),
    log:
        f"{LOGS}/render/{{experiment}}/seed_{{seed}}.log",
    params:
        version=version_of("render"),
    shell:
        synaxial_for_each(
            "STACK",
            STACKS,
            "render --config {input.settings} --stack {input.stacks[STACK]}"
            " --sheet {output.sheets[STACK]}"
            + (" --images {output.images[STACK]}" if study.render.images else "")
            + (" --nifti {output.volumes[STACK]}" if study.render.nifti else ""),
        )
        + " > {log} 2>&1"


# Only for experiments with `masks: true`.
rule render_masks:
    input:
        settings=settings_of("render"),
        stacks=rules.sample.output.stacks,
    output:
        sheets=[
            report(
                f"{TRAINING}/samples/stack_{stack}_masks.png",
                caption="../report/masks.rst",
                category="Generated images",
                subcategory="{experiment}, seed {seed}",
                labels={"what": f"stack {stack} with its masks"},
            )
            for stack in STACKS
        ],
        volumes=(
            [f"{TRAINING}/samples/stack_{stack}_mask.nii.gz" for stack in STACKS]
            if study.render.nifti
            else []
        ),
    log:
        f"{LOGS}/render_masks/{{experiment}}/seed_{{seed}}.log",
    params:
        version=version_of("render"),
    shell:
        synaxial_for_each(
            "STACK",
            STACKS,
            "render --config {input.settings} --stack {input.stacks[STACK]}"
            " --outlines {output.sheets[STACK]}"
            + (" --nifti-masks {output.volumes[STACK]}" if study.render.nifti else ""),
        )
        + " > {log} 2>&1"
