# Volumes from the study's source, checked and in one orientation, and the table of them.


checkpoint fetch:
    input:
        settings=settings_of("fetch"),
    output:
        inventory=f"{RESULTS}/source/inventory.csv",
    log:
        f"{LOGS}/fetch.log",
    localrule: True
    params:
        version=version_of("data fetch"),
        folder=subpath(output.inventory, parent=True),
    shell:
        "synaxial data fetch --config {input.settings} --output {params.folder} 2>&1 | tee {log}"


rule acquire:
    input:
        settings=settings_of("acquire"),
        files=source_files,
    output:
        volume=f"{RESULTS}/volumes/{{subject}}_flair.nii.gz",
        segmentation=f"{RESULTS}/volumes/{{subject}}_seg.nii.gz",
        record=f"{RESULTS}/volumes/{{subject}}.json",
    log:
        f"{LOGS}/acquire/{{subject}}.log",
    benchmark:
        f"{BENCHMARKS}/acquire/{{subject}}.tsv"
    resources:
        mem_mb=2000,
    params:
        version=version_of("data acquire"),
        fetched=f"{RESULTS}/source",
        folder=subpath(output.volume, parent=True),
    shell:
        "synaxial data acquire --config {input.settings} --subject {wildcards.subject}"
        " --fetched {params.fetched} --output {params.folder} > {log} 2>&1"


rule manifest:
    input:
        settings=settings_of("manifest"),
        records=of_subjects(rules.acquire.output.record, subjects),
    output:
        table=f"{RESULTS}/manifest.csv",
    log:
        f"{LOGS}/manifest.log",
    localrule: True
    params:
        version=version_of("data manifest"),
    shell:
        "synaxial data manifest --config {input.settings} --output {output.table} {input.records}"
        " > {log} 2>&1"
