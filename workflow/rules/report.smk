# HTML pages for the report. Snakemake's report shows a page, but offers a table or a settings file
# only for download.


# report/study.rst includes this file on the first page of the report.
rule report_summary:
    input:
        study=rules.resolved_configuration.output.study,
        dataset=rules.pack.output.description,
        sheet=of_trainings(rules.render.output.sheets, CHOSEN)[:1],
        evaluations=(
            rules.controls.output.values + of_trainings(rules.evaluate.output.values, CHOSEN)
            if study.acquire.held_out
            else []
        ),
    output:
        page=report(
            f"{RESULTS}/report/summary.html",
            caption="../report/summary.rst",
            category="Study",
            labels={"what": "summary: first sheet and verdict"},
        ),
    log:
        f"{LOGS}/report/summary.log",
    localrule: True
    params:
        version=version_of("evaluate summary"),
        shown="".join(f"{name}, seed {seed}, stack 0" for name, seed in CHOSEN[:1]),
    shell:
        "synaxial evaluate summary --config {input.study} --dataset {input.dataset}"
        " --sheet {input.sheet} --shown {params.shown:q} --output {output.page}"
        " {input.evaluations} > {log} 2>&1"


rule report_manifest:
    input:
        source=rules.manifest.output.table,
    output:
        page=report(
            f"{RESULTS}/report/manifest.html",
            caption="../report/manifest.rst",
            category="Data",
            labels={"what": "manifest of all subjects"},
        ),
    log:
        f"{LOGS}/report/manifest.log",
    localrule: True
    params:
        version=version_of("report"),
        title="Manifest of all subjects",
    shell:
        "synaxial report --source {input.source} --title {params.title:q} --output {output.page}"
        " > {log} 2>&1"


use rule report_manifest as report_configuration with:
    input:
        source=rules.resolved_configuration.output.study,
    output:
        page=report(
            f"{RESULTS}/report/configuration.html",
            caption="../report/configuration.rst",
            category="Study",
            labels={"what": "configuration, complete"},
        ),
    log:
        f"{LOGS}/report/configuration.log",
    localrule: True
    params:
        version=version_of("report"),
        title="Configuration",


use rule report_manifest as report_experiment with:
    input:
        source=rules.experiment.output.study,
    output:
        page=report(
            f"{TRAINING}/experiment.html",
            caption="../report/experiment.rst",
            category="Training",
            subcategory="{experiment}, seed {seed}",
            labels={"what": "settings"},
        ),
    log:
        f"{LOGS}/report/{{experiment}}_{{seed}}.log",
    localrule: True
    params:
        version=version_of("report"),
        title="Settings of experiment {experiment}, seed {seed}",
