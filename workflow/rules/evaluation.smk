# The comparison of generated images with unseen real images, in numbers, tables and figures.

from synaxial.config.model import CONTROLS

ALL = plan.trainings(study.experiments)
ASKED = [pair for pair in CHOSEN if study.experiments[pair[0]].conditions]


rule judge:
    input:
        settings=settings_of("judge"),
        held_out=rules.pack_held_out.output.images,
        held_out_index=rules.pack_held_out.output.index,
    output:
        network=f"{RESULTS}/controls/judge.npz",
        record=f"{RESULTS}/controls/judge.json",
    log:
        f"{LOGS}/judge.log",
    benchmark:
        f"{BENCHMARKS}/judge.tsv"
    resources:
        mem_mb=2000,
    params:
        version=version_of("evaluate judge"),
        held_out=subpath(input.held_out, parent=True),
    shell:
        "synaxial evaluate judge --config {input.settings} --held-out {params.held_out}"
        " --output {output.network} --record {output.record} > {log} 2>&1"


# What every set of images is compared with.
rule reference:
    input:
        settings=settings_of("reference"),
        training=rules.pack.output.images,
        index=rules.pack.output.index,
        held_out=rules.pack_held_out.output.images,
        held_out_index=rules.pack_held_out.output.index,
        judge=rules.judge.output.network,
    output:
        images=f"{RESULTS}/controls/reference/images.tif",
        measurements=f"{RESULTS}/controls/reference/measurements.npz",
    log:
        f"{LOGS}/reference.log",
    benchmark:
        f"{BENCHMARKS}/reference.tsv"
    threads: 4
    resources:
        mem_mb=4000,
    params:
        versions=[version_of("evaluate controls"), version_of("evaluate measure")],
        training=subpath(input.training, parent=True),
        held_out=subpath(input.held_out, parent=True),
    shell:
        "synaxial evaluate controls --config {input.settings} --kind reference"
        " --training {params.training} --held-out {params.held_out} --output {output.images}"
        " --then evaluate measure --reference {output.images} --training {params.training}"
        " --judge {input.judge} --threads {threads} --output {output.measurements} {output.images}"
        " > {log} 2>&1"


# Sets of real images, and of images with a known defect: made, measured and compared.
rule controls:
    input:
        settings=settings_of("control"),
        evaluate=settings_of("evaluate"),
        training=rules.pack.output.images,
        index=rules.pack.output.index,
        held_out=rules.pack_held_out.output.images,
        held_out_index=rules.pack_held_out.output.index,
        judge=rules.judge.output.network,
        reference=rules.reference.output.images,
        measurements=rules.reference.output.measurements,
    output:
        images=expand(f"{RESULTS}/controls/{{control}}/images.tif", control=CONTROLS),
        measurements=expand(f"{RESULTS}/controls/{{control}}/measurements.npz", control=CONTROLS),
        values=expand(f"{RESULTS}/controls/{{control}}/evaluation.json", control=CONTROLS),
        nearest=expand(f"{RESULTS}/controls/{{control}}/nearest.png", control=CONTROLS),
    log:
        f"{LOGS}/controls.log",
    benchmark:
        f"{BENCHMARKS}/controls.tsv"
    threads: 4
    resources:
        mem_mb=4000,
    params:
        versions=[
            version_of("evaluate controls"),
            version_of("evaluate measure"),
            version_of("evaluate score"),
        ],
        training=subpath(input.training, parent=True),
        held_out=subpath(input.held_out, parent=True),
        folder=subpath(input.reference, ancestor=2),
    shell:
        synaxial_for_each(
            "CONTROL",
            CONTROLS,
            "evaluate controls --config {input.settings} --kind CONTROL"
            " --training {params.training} --held-out {params.held_out}"
            " --output {params.folder}/CONTROL/images.tif"
            " --then evaluate measure --reference {input.reference} --training {params.training}"
            " --judge {input.judge} --threads {threads}"
            " --output {params.folder}/CONTROL/measurements.npz {params.folder}/CONTROL/images.tif"
            " --then evaluate score --config {input.evaluate} --name CONTROL"
            " --measurements {params.folder}/CONTROL/measurements.npz"
            " --reference {input.measurements} --training {params.training} --threads {threads}"
            " --output {params.folder}/CONTROL/evaluation.json"
            " --nearest {params.folder}/CONTROL/nearest.png {params.folder}/CONTROL/images.tif",
        )
        + " > {log} 2>&1"


rule evaluate:
    input:
        settings=settings_of("evaluate"),
        stacks=rules.sample.output.stacks,
        training=rules.pack.output.images,
        judge=rules.judge.output.network,
        reference=rules.reference.output.images,
        measurements=rules.reference.output.measurements,
    output:
        measurements=f"{TRAINING}/measurements.npz",
        values=f"{TRAINING}/evaluation.json",
        nearest=report(
            f"{TRAINING}/nearest.png",
            caption="../report/nearest.rst",
            category="Evaluation",
            subcategory="{experiment}, seed {seed}",
            labels={"what": "nearest training images"},
        ),
        cases=report(
            f"{TRAINING}/cases.png",
            caption="../report/cases.rst",
            category="Evaluation",
            subcategory="{experiment}, seed {seed}",
            labels={"what": "real images, best and worst cases"},
        ),
    log:
        f"{LOGS}/evaluate/{{experiment}}/seed_{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate/{{experiment}}/seed_{{seed}}.tsv"
    threads: 4
    resources:
        mem_mb=4000,
    params:
        versions=[
            version_of("evaluate measure"),
            version_of("evaluate score"),
            version_of("evaluate cases"),
        ],
        training=subpath(input.training, parent=True),
    shell:
        "synaxial evaluate measure --reference {input.reference} --training {params.training}"
        " --judge {input.judge} --threads {threads} --output {output.measurements} {input.stacks}"
        " --then evaluate score --config {input.settings}"
        " --name {wildcards.experiment} --seed {wildcards.seed}"
        " --measurements {output.measurements} --reference {input.measurements}"
        " --training {params.training} --threads {threads}"
        " --output {output.values} --nearest {output.nearest} {input.stacks}"
        " --then evaluate cases --measurements {output.measurements}"
        " --reference {input.measurements} --real {input.reference}"
        " --output {output.cases} {input.stacks} > {log} 2>&1"


# How far the up-sampler of a coarse-to-fine experiment alone is from real images: those of the control
# `real`, made small and enlarged again.
rule evaluate_upsampler:
    input:
        settings=settings_of("evaluate"),
        real=rules.controls.output.images[CONTROLS.index("real")],
        upsampler=rules.train_upsampler.output.upsampler,
        training=rules.pack.output.images,
        judge=rules.judge.output.network,
        reference=rules.reference.output.images,
        measurements=rules.reference.output.measurements,
    output:
        stack=f"{TRAINING}/upsampler/real.tif",
        measurements=f"{TRAINING}/upsampler/measurements.npz",
        values=f"{TRAINING}/upsampler/evaluation.json",
        nearest=f"{TRAINING}/upsampler/nearest.png",
    log:
        f"{LOGS}/evaluate_upsampler/{{experiment}}/seed_{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate_upsampler/{{experiment}}/seed_{{seed}}.tsv"
    threads: 4
    resources:
        device="auto",
        gpu=0,
        mem_mb=4000,
    params:
        versions=[
            version_of("upsampler apply"),
            version_of("evaluate measure"),
            version_of("evaluate score"),
        ],
        training=subpath(input.training, parent=True),
    shell:
        "synaxial upsampler apply --reduce --upsampler {input.upsampler} {input.real}"
        " --output {output.stack} --device {resources.device} --threads {threads}"
        " --then evaluate measure --reference {input.reference} --training {params.training}"
        " --judge {input.judge} --threads {threads} --output {output.measurements} {output.stack}"
        " --then evaluate score --config {input.settings}"
        " --name {wildcards.experiment}.enlarged --seed {wildcards.seed}"
        " --measurements {output.measurements} --reference {input.measurements}"
        " --training {params.training} --threads {threads}"
        " --output {output.values} --nearest {output.nearest} {output.stack} > {log} 2>&1"


rule compare:
    input:
        controls=rules.controls.output.values,
        judge=rules.judge.output.record,
        experiments=of_trainings(rules.evaluate.output.values, CHOSEN),
        enlarged=of_trainings(rules.evaluate_upsampler.output.values, COARSE_TO_FINE),
    output:
        table=f"{RESULTS}/comparison.csv",
        page=report(
            f"{RESULTS}/comparison.html",
            caption="../report/comparison.rst",
            category="Evaluation",
            labels={"what": "table of all numbers"},
        ),
        chart=report(
            f"{RESULTS}/comparison.png",
            caption="../report/comparison.rst",
            category="Evaluation",
            labels={"what": "chart of all numbers"},
        ),
    log:
        f"{LOGS}/compare.log",
    localrule: True
    params:
        version=version_of("evaluate compare"),
    shell:
        "synaxial evaluate compare --table {output.table} --page {output.page}"
        " --chart {output.chart} --judge {input.judge} {input.controls} {input.experiments}"
        " {input.enlarged} > {log} 2>&1"


use rule compare as compare_all with:
    input:
        controls=rules.controls.output.values,
        judge=rules.judge.output.record,
        experiments=of_trainings(rules.evaluate.output.values, ALL),
        enlarged=of_trainings(
            rules.evaluate_upsampler.output.values,
            [pair for pair in ALL if study.experiments[pair[0]].is_coarse_to_fine],
        ),
    output:
        table=f"{RESULTS}/figures/comparison.csv",
        page=report(
            f"{RESULTS}/figures/comparison.html",
            caption="../report/comparison.rst",
            category="Figures",
            labels={"what": "table of all experiments"},
        ),
        chart=report(
            f"{RESULTS}/figures/comparison.png",
            caption="../report/comparison.rst",
            category="Figures",
            labels={"what": "chart of all experiments"},
        ),
    log:
        f"{LOGS}/compare_all.log",


# Both halves use the same latents if both experiments have a training with this seed.
rule pair:
    input:
        left=rules.sample.output.stacks[0],
        right=expand(
            rules.sample.output.stacks[0], experiment=study.base_experiment, allow_missing=True
        ),
    output:
        picture=report(
            f"{RESULTS}/figures/{{experiment}}_seed_{{seed}}.png",
            caption="../report/pair.rst",
            category="Figures",
            labels={"what": "{experiment} beside the base, seed {seed}"},
        ),
    log:
        f"{LOGS}/pair/{{experiment}}/seed_{{seed}}.log",
    localrule: True
    params:
        version=version_of("evaluate pair"),
        base=study.base_experiment,
    shell:
        "synaxial evaluate pair --experiment {wildcards.experiment} --base {params.base}"
        " --seed {wildcards.seed} --left {input.left} --right {input.right}"
        " --output {output.picture} > {log} 2>&1"


# Only for experiments with `conditions`.
rule conditions:
    input:
        stacks=rules.sample.output.stacks,
        held_out=rules.pack_held_out.output.images,
        held_out_index=rules.pack_held_out.output.index,
        judge=rules.judge.output.network,
    output:
        numbers=f"{TRAINING}/conditions.json",
    log:
        f"{LOGS}/conditions/{{experiment}}/seed_{{seed}}.log",
    threads: 4
    resources:
        mem_mb=2000,
    params:
        version=version_of("evaluate conditions"),
        held_out=subpath(input.held_out, parent=True),
    shell:
        "synaxial evaluate conditions --held-out {params.held_out} --judge {input.judge}"
        " --threads {threads} --output {output.numbers} {input.stacks} > {log} 2>&1"


rule figures:
    input:
        comparison=rules.compare_all.output if study.acquire.held_out else [],
        cases=(
            of_trainings(rules.evaluate.output.cases, plan.trainings([study.base_experiment]))
            if study.acquire.held_out
            else []
        ),
        pairs=of_trainings(rules.pair.output.picture, plan.pairs()),
    localrule: True
