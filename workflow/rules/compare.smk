# Experiments side by side: all numbers in one table, and the paper's figures.


rule compare:
    input:
        controls=expand(rules.evaluate_control.output.values, control=CONTROLS),
        experiments=of_trainings(rules.evaluate.output.values, study.chosen_experiments),
    output:
        table=f"{RESULTS}/comparison.csv",
        page=report(
            f"{RESULTS}/comparison.html",
            caption="../report/comparison.rst",
            category="Evidence",
            labels={"what": "table of all numbers"},
        ),
        chart=report(
            f"{RESULTS}/comparison.png",
            caption="../report/comparison.rst",
            category="Evidence",
            labels={"what": "chart of all numbers"},
        ),
    log:
        f"{LOGS}/compare.log",
    localrule: True
    params:
        version=version_of("evaluate compare"),
    shell:
        "synaxial evaluate compare --evaluations {input.controls} {input.experiments}"
        " --table {output.table} --page {output.page} --chart {output.chart} > {log} 2>&1"


use rule compare as compare_all with:
    input:
        controls=expand(rules.evaluate_control.output.values, control=CONTROLS),
        experiments=of_trainings(rules.evaluate.output.values, study.experiments),
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


# Both halves of the same noise, if both experiments have a training with this seed.
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
            category="Evidence",
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
        " --real {input.real} --stacks {input.stacks} --output {output.picture} > {log} 2>&1"


rule figures:
    input:
        comparison=rules.compare_all.output if study.acquire.held_out else [],
        cases=cases_of_base(),
        pairs=pairs_of_all_experiments(),
    localrule: True
