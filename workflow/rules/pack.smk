# All subjects' images as one array that every rank maps into its memory.


rule pack:
    input:
        settings=settings_of("pack"),
        images=of_all_subjects(rules.resize.output.images),
        records=of_all_subjects(rules.acquire.output.record),
    output:
        images=f"{RESULTS}/dataset/images.npy",
        index=f"{RESULTS}/dataset/index.csv",
        description=f"{RESULTS}/dataset/dataset.json",
        overview=report(
            f"{RESULTS}/dataset/overview.png",
            caption="../report/overview.rst",
            category="Data",
            labels={"what": "overview of all subjects"},
        ),
    log:
        f"{LOGS}/pack.log",
    benchmark:
        f"{BENCHMARKS}/pack.tsv"
    params:
        code=code_of("pack"),
        folder=subpath(output.images, parent=True),
    shell:
        "synaxial pack --config {input.settings} --output {params.folder}"
        " --images {input.images} --records {input.records} > {log} 2>&1"
