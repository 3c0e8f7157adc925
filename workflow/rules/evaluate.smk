# Each set of images held against the reference, in numbers.


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
            category="Evidence",
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
        training=subpath(input.training, parent=True),
    shell:
        "synaxial evaluate score --config {input.settings} --name {wildcards.experiment}"
        " --seed {wildcards.seed} --measurements {input.measurements}"
        " --reference {input.reference} --stacks {input.stacks} --training {params.training}"
        " --threads {threads} --output {output.values} --nearest {output.nearest} > {log} 2>&1"


rule evaluate_control:
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
    threads: 4
    resources:
        mem_mb=4000,
    params:
        version=version_of("evaluate score"),
        training=subpath(input.training, parent=True),
    shell:
        "synaxial evaluate score --config {input.settings} --name {wildcards.control}"
        " --measurements {input.measurements} --reference {input.reference}"
        " --stacks {input.stacks} --training {params.training} --threads {threads}"
        " --output {output.values} --nearest {output.nearest} > {log} 2>&1"
