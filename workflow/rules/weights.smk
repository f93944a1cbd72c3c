"""Released weights that are not available locally."""


rule fetch:
    """Download the released weights that the experiment names and verify their checksums. No other rule uses the network."""
    log:
        "<results>/logs/fetch.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.fetch),
    script:
        "../scripts/fetch.py"
