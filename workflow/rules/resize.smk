# Images of the size that the networks have.


rule resize:
    input:
        settings=settings_of("resize"),
        slices=rules.slice.output.slices,
    output:
        images=f"{RESULTS}/images/{{subject}}.tif",
    log:
        f"{LOGS}/resize/{{subject}}.log",
    params:
        version=version_of("data resize"),
    shell:
        "synaxial data resize --config {input.settings} --slices {input.slices}"
        " --output {output.images} > {log} 2>&1"
