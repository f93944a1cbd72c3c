"""The experiment's tables, assembled from the rows of its variants or from other tables."""


rule table:
    """One table of the experiment."""
    input:
        unpack(table_inputs),
    output:
        report(
            "<results>/{experiment}/tables/{table}.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
    log:
        "<results>/logs/table/{experiment}/{table}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(table_slice, "table"),
    script:
        "../scripts/tables.py"


rule branch_table:
    """The same table, restricted to the variants of one branch."""
    input:
        unpack(table_inputs),
    output:
        "<results>/{experiment}/branches/{branch}/{table}.csv",
    log:
        "<results>/logs/branch_table/{experiment}/{branch}/{table}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(branch_table_slice, "table"),
    script:
        "../scripts/tables.py"
