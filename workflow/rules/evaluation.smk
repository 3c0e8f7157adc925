# The comparison of generated images with unseen real images, in numbers, tables and figures.

from synaxial.config.model import CONTROLS

ALL = plan.trainings(study.experiments)
# The trainings whose up-sampler enlarges images alone, without masks.
ENLARGING = [pair for pair in CHOSEN if study.experiments[pair[0]].enlarges_images]
ASKED = [pair for pair in CHOSEN if study.experiments[pair[0]].conditions]


rule control:
    input:
        settings=lambda wildcards: settings_of(
            "reference" if wildcards.control in ("reference", "real") else "control"
        ),
        training=rules.pack.output.images,
        index=rules.pack.output.index,
        held_out=rules.pack_held_out.output.images,
        held_out_index=rules.pack_held_out.output.index,
    output:
        images=f"{RESULTS}/controls/{{control}}/images.tif",
    log:
        f"{LOGS}/control/{{control}}.log",
    params:
        version=version_of("evaluate controls"),
        training=subpath(input.training, parent=True),
        held_out=subpath(input.held_out, parent=True),
    shell:
        "synaxial evaluate controls --config {input.settings} --kind {wildcards.control}"
        " --training {params.training} --held-out {params.held_out} --output {output.images}"
        " > {log} 2>&1"


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


rule measure:
    input:
        stacks=expand(rules.sample.output.stack, stack=STACKS, allow_missing=True),
        reference=expand(rules.control.output.images, control="reference"),
        training=rules.pack.output.images,
        judge=rules.judge.output.network,
    output:
        measurements=f"{TRAINING}/measurements.npz",
    log:
        f"{LOGS}/measure/{{experiment}}/seed_{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/measure/{{experiment}}/seed_{{seed}}.tsv"
    threads: 4
    resources:
        mem_mb=4000,
    params:
        version=version_of("evaluate measure"),
        training=subpath(input.training, parent=True),
    shell:
        "synaxial evaluate measure --reference {input.reference} --training {params.training}"
        " --judge {input.judge} --threads {threads} --output {output.measurements} {input.stacks}"
        " > {log} 2>&1"


use rule measure as measure_control with:
    input:
        stacks=rules.control.output.images,
        reference=expand(rules.control.output.images, control="reference"),
        training=rules.pack.output.images,
        judge=rules.judge.output.network,
    output:
        measurements=f"{RESULTS}/controls/{{control}}/measurements.npz",
    log:
        f"{LOGS}/measure/{{control}}.log",
    benchmark:
        f"{BENCHMARKS}/measure/{{control}}.tsv"


rule evaluate:
    input:
        settings=settings_of("evaluate"),
        measurements=rules.measure.output.measurements,
        reference=expand(rules.measure_control.output.measurements, control="reference"),
        stacks=rules.measure.input.stacks,
        training=rules.pack.output.images,
    output:
        values=f"{TRAINING}/evaluation.json",
        nearest=report(
            f"{TRAINING}/nearest.png",
            caption="../report/nearest.rst",
            category="Evaluation",
            subcategory="{experiment}, seed {seed}",
            labels={"what": "nearest training images"},
        ),
    log:
        f"{LOGS}/evaluate/{{experiment}}/seed_{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate/{{experiment}}/seed_{{seed}}.tsv"
    threads: 4
    resources:
        mem_mb=4000,
    params:
        version=version_of("evaluate score"),
        name="{experiment} --seed {seed}",
        training=subpath(input.training, parent=True),
    shell:
        "synaxial evaluate score --config {input.settings} --name {params.name}"
        " --measurements {input.measurements} --reference {input.reference}"
        " --training {params.training} --threads {threads}"
        " --output {output.values} --nearest {output.nearest} {input.stacks} > {log} 2>&1"


use rule evaluate as evaluate_control with:
    input:
        settings=settings_of("evaluate"),
        measurements=rules.measure_control.output.measurements,
        reference=expand(rules.measure_control.output.measurements, control="reference"),
        stacks=rules.control.output.images,
        training=rules.pack.output.images,
    output:
        values=f"{RESULTS}/controls/{{control}}/evaluation.json",
        nearest=f"{RESULTS}/controls/{{control}}/nearest.png",
    log:
        f"{LOGS}/evaluate/{{control}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate/{{control}}.tsv"
    params:
        version=version_of("evaluate score"),
        name="{control}",
        training=subpath(input.training, parent=True),


# How far the up-sampler of a coarse-to-fine experiment alone is from real images: those of the control
# `real`, made small and enlarged again.
rule enlarge:
    input:
        stack=expand(rules.control.output.images, control="real"),
        upsampler=rules.train_upsampler.output.upsampler,
    output:
        stack=f"{TRAINING}/upsampler/real.tif",
    log:
        f"{LOGS}/enlarge/{{experiment}}/seed_{{seed}}.log",
    threads: 4
    resources:
        device="auto",
        gpu=0,
        mem_mb=4000,
    params:
        version=version_of("upsampler apply"),
    shell:
        "synaxial upsampler apply --reduce --upsampler {input.upsampler} {input.stack}"
        " --output {output.stack} --device {resources.device} --threads {threads} > {log} 2>&1"


use rule measure as measure_enlarged with:
    input:
        stacks=rules.enlarge.output.stack,
        reference=expand(rules.control.output.images, control="reference"),
        training=rules.pack.output.images,
        judge=rules.judge.output.network,
    output:
        measurements=f"{TRAINING}/upsampler/measurements.npz",
    log:
        f"{LOGS}/measure/{{experiment}}/upsampler_{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/measure/{{experiment}}/upsampler_{{seed}}.tsv"


use rule evaluate as evaluate_enlarged with:
    input:
        settings=settings_of("evaluate"),
        measurements=rules.measure_enlarged.output.measurements,
        reference=expand(rules.measure_control.output.measurements, control="reference"),
        stacks=rules.enlarge.output.stack,
        training=rules.pack.output.images,
    output:
        values=f"{TRAINING}/upsampler/evaluation.json",
        nearest=f"{TRAINING}/upsampler/nearest.png",
    log:
        f"{LOGS}/evaluate/{{experiment}}/upsampler_{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate/{{experiment}}/upsampler_{{seed}}.tsv"
    params:
        version=version_of("evaluate score"),
        name="{experiment}.enlarged --seed {seed}",
        training=subpath(input.training, parent=True),


rule compare:
    input:
        controls=expand(rules.evaluate_control.output.values, control=CONTROLS),
        judge=rules.judge.output.record,
        experiments=of_trainings(rules.evaluate.output.values, CHOSEN),
        enlarged=of_trainings(rules.evaluate_enlarged.output.values, ENLARGING),
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
        controls=expand(rules.evaluate_control.output.values, control=CONTROLS),
        judge=rules.judge.output.record,
        experiments=of_trainings(rules.evaluate.output.values, ALL),
        enlarged=of_trainings(
            rules.evaluate_enlarged.output.values,
            [pair for pair in ALL if study.experiments[pair[0]].enlarges_images],
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
        left=expand(rules.sample.output.stack, stack=0, allow_missing=True),
        right=expand(
            rules.sample.output.stack,
            experiment=study.base_experiment,
            stack=0,
            allow_missing=True,
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


rule cases:
    input:
        measurements=rules.measure.output.measurements,
        reference=expand(rules.measure_control.output.measurements, control="reference"),
        real=expand(rules.control.output.images, control="reference"),
        stacks=rules.measure.input.stacks,
    output:
        picture=report(
            f"{TRAINING}/cases.png",
            caption="../report/cases.rst",
            category="Evaluation",
            subcategory="{experiment}, seed {seed}",
            labels={"what": "real images, best and worst cases"},
        ),
    log:
        f"{LOGS}/cases/{{experiment}}/seed_{{seed}}.log",
    resources:
        mem_mb=4000,
    params:
        version=version_of("evaluate cases"),
    shell:
        "synaxial evaluate cases --measurements {input.measurements} --reference {input.reference}"
        " --real {input.real} --output {output.picture} {input.stacks} > {log} 2>&1"


# Only for experiments with `conditions`.
rule conditions:
    input:
        stacks=rules.measure.input.stacks,
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
            of_trainings(rules.cases.output.picture, plan.trainings([study.base_experiment]))
            if study.acquire.held_out
            else []
        ),
        pairs=of_trainings(rules.pair.output.picture, plan.pairs()),
    localrule: True
