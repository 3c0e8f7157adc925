# Whether generated images with masks help to train a segmentation model: `snakemake segment`.


# One U-Net. The profile may set its device: `segment_training: {device: gpu}` under `set-resources`.
rule segment_training:
    input:
        settings=settings_of("segment"),
        real=lambda wildcards: (
            [] if wildcards.kind == "synthetic" else [*rules.pack.output, *rules.pack_masks.output]
        ),
        stacks=lambda wildcards: of_trainings(
            rules.sample.output.stacks,
            plan.segment_generators(wildcards.kind, int(wildcards.seed)),
        ),
        held_out=after_check(
            plan.check_segment, *rules.pack_held_out.output, *rules.pack_masks_held_out.output
        ),
    output:
        values=f"{RESULTS}/segment/{{kind}}_{{people}}/seed_{{seed}}.json",
        picture=report(
            f"{RESULTS}/segment/{{kind}}_{{people}}/seed_{{seed}}.png",
            caption="../../report/segment_training.rst",
            category="Segmentation",
            labels={"what": "{kind}, {people} subjects, seed {seed}: segmented slices"},
        ),
    log:
        f"{LOGS}/segment/{{kind}}_{{people}}/seed_{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/segment/{{kind}}_{{people}}/seed_{{seed}}.tsv"
    wildcard_constraints:
        kind="real|synthetic|both",
        people=r"all|quarter|none|\d+",
    threads: 4
    resources:
        device="cpu",
        gpu=0,
        mem_mb=lambda wildcards, attempt: 6000 * attempt,
        runtime=12 * 60,
    params:
        version=version_of("study segment train"),
        held_out=lambda wildcards, input: Path(input.held_out[0]).parent,
        dataset=lambda wildcards, input: (
            f"--dataset {Path(input.real[0]).parent}" if input.real else ""
        ),
        experiment=lambda wildcards, input: (
            f"--experiment {study.segment_experiment}" if input.stacks else ""
        ),
    shell:
        "synaxial study segment train {input.stacks} --config {input.settings}"
        " --kind {wildcards.kind} --subjects {wildcards.people} --seed {wildcards.seed}"
        " --held-out {params.held_out} {params.dataset} {params.experiment}"
        " --device {resources.device} --threads {threads} --output {output.values}"
        " --picture {output.picture} > {log} 2>&1"


rule segment_check:
    input:
        stacks=lambda wildcards: of_trainings(
            rules.sample.output.stacks, plan.trainings([plan.segment_experiment()])
        ),
        held_out=after_check(
            plan.check_segment, *rules.pack_held_out.output, *rules.pack_masks_held_out.output
        ),
    output:
        values=f"{RESULTS}/segment/masks.json",
        picture=report(
            f"{RESULTS}/segment/masks.png",
            caption="../../report/segment.rst",
            category="Segmentation",
            labels={"what": "generated masks on their images"},
        ),
    log:
        f"{LOGS}/segment/masks.log",
    resources:
        mem_mb=4000,
    params:
        version=version_of("study segment check"),
        held_out=lambda wildcards, input: Path(input.held_out[0]).parent,
    shell:
        "synaxial study segment check {input.stacks} --held-out {params.held_out}"
        " --output {output.values} --picture {output.picture} > {log} 2>&1"


rule segment:
    input:
        trainings=lambda wildcards: [
            f"{RESULTS}/segment/{name}/seed_{seed}.json" for name, seed in plan.segment_trainings()
        ],
        check=rules.segment_check.output.values,
    output:
        table=f"{RESULTS}/segment/segmentation.csv",
        values=f"{RESULTS}/segment/segmentation.json",
        page=report(
            f"{RESULTS}/segment/segmentation.html",
            caption="../../report/segment.rst",
            category="Segmentation",
            labels={"what": "tables and limits"},
        ),
        chart=report(
            f"{RESULTS}/segment/segmentation.png",
            caption="../../report/segment.rst",
            category="Segmentation",
            labels={"what": "Dice coefficients and their differences"},
        ),
    log:
        f"{LOGS}/segment/segmentation.log",
    localrule: True
    params:
        version=version_of("study segment compare"),
    shell:
        "synaxial study segment compare {input.trainings} --check {input.check}"
        " --table {output.table} --values {output.values} --page {output.page}"
        " --chart {output.chart} > {log} 2>&1"
