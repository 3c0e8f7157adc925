# Axial 8-bit slices of native size.


rule slice:
    input:
        settings=settings_of("slice"),
        volume=rules.acquire.output.volume,
        record=rules.acquire.output.record,
    output:
        slices=f"{RESULTS}/slices/{{subject}}.tif",
    log:
        f"{LOGS}/slice/{{subject}}.log",
    params:
        version=version_of("data slice"),
    shell:
        "synaxial data slice --config {input.settings} --volume {input.volume}"
        " --record {input.record} --output {output.slices} > {log} 2>&1"
