"""Inputs and makers of the tables. No rule is defined here."""

from typing import NamedTuple


def summaries(table, variants):
    return {"summaries": [f"<results>/variants/{variant}/summary.json" for variant in variants]}


def rows_at(table, variants, points):
    """Files of rows of variants, one per point set."""
    of = f"<results>/{EXPERIMENT.name}/variants"
    return [f"{of}/{variant}/{at}/{table}.csv" for variant in variants for at in points]


def probe_rows(table, variants):
    of = f"<results>/{EXPERIMENT.name}/variants"
    return {"rows": [f"{of}/{variant}/{table}.csv" for variant in variants]}


def dimension_rows(table, variants):
    activations = probe_rows("activation", variants)["rows"] if EXPERIMENT.tasks else []
    embedded = [
        row
        for variant in variants
        for row in rows_at(table, [variant], queries.dimension_points(EXPERIMENT, variant))
    ]
    return {"rows": [*embedded, *activations]}


def scale_rows(table, variants):
    return {"rows": rows_at(table, EXPERIMENT.scale["variants"], EXPERIMENT.scale["sizes"])}


def costly_rows(table, variants):
    return {"rows": rows_at(table, EXPERIMENT.costly["variants"], EXPERIMENT.sample_points[:1])}


def jacobian_rows(table, variants):
    return {"rows": rows_at(table, EXPERIMENT.jacobian["variants"], EXPERIMENT.sample_points[:1])}


def whole_tables(*names):
    return [f"<results>/{EXPERIMENT.name}/tables/{name}.csv" for name in names]


def left_out_rows(table, variants):
    """Rows in which something may be left out, by the table that would hold it; for claims, whole tables."""
    names = ["dimension", *(name for name in ("scale", "costly", "jacobian") if getattr(EXPERIMENT, name))]
    found = {name: TABLES[name].inputs(name, variants)["rows"] for name in names}
    if EXPERIMENT.tasks:
        found["probe"] = probe_rows("left_out", variants)["rows"]
        found["whole"] = whole_tables("variants", "dimension", "probe", "controls")
    return {name: rows for name, rows in found.items() if rows}


def dimension_table(table, variants):
    return {"dimension": f"<results>/{EXPERIMENT.name}/tables/dimension.csv"}


def scored_tables(table, variants):
    return {name: f"<results>/{EXPERIMENT.name}/tables/{name}.csv" for name in ("variants", "probe")}


def no_rows(table, variants):
    return {}


class Table(NamedTuple):
    """A table: the function that makes it, its inputs (a function of the table's and the variants' names), its arguments."""

    maker: str
    inputs: object
    arguments: tuple = ()


TABLES = {
    "variants": Table("earthdim.analysis.tables.variants_table", summaries, ("facts",)),
    "dimension": Table("earthdim.analysis.tables.dimension_table", dimension_rows, ("facts",)),
    "probe": Table("earthdim.analysis.tables.probe_table", probe_rows, ("facts", "tasks")),
    "controls": Table(
        "earthdim.analysis.controls.controls_table", scored_tables, ("cell", "kinds", "retrieval")
    ),
    "missing": Table("earthdim.analysis.tables.missing_table", no_rows, ("missing",)),
    "left_out": Table("earthdim.analysis.tables.left_out_table", left_out_rows, ("statistics",)),
    "scale": Table("earthdim.analysis.tables.measured_table", scale_rows, ("facts",)),
    "costly": Table("earthdim.analysis.tables.dimension_table", costly_rows, ("facts",)),
    "jacobian": Table("earthdim.analysis.tables.measured_table", jacobian_rows, ("facts",)),
    "draws": Table("earthdim.analysis.replicates.draws_table", dimension_table),
    "table1": Table("earthdim.analysis.replicates.table1", dimension_table, ("missing",)),
}


def variants_in(wildcards):
    """The variants of a table: all, or those of the requested branch."""
    return list(BRANCH if "branch" in wildcards.keys() else EXPERIMENT.variants.values())


def table_inputs(wildcards):
    names = [variant.name for variant in variants_in(wildcards)]
    return TABLES[wildcards.table].inputs(wildcards.table, names)


def table_slice(experiment, table):
    maker, _, arguments = TABLES[table]
    return slices.table(experiment, maker, arguments, experiment.variants.values())


def branch_table_slice(experiment, table):
    maker, _, arguments = TABLES[table]
    return slices.table(experiment, maker, arguments, BRANCH)


def all_tables(wildcards):
    """All tables of the experiment."""
    names = queries.tables(EXPERIMENT)
    return expand("<results>/{experiment}/tables/{table}.csv", experiment=EXPERIMENT.name, table=names)


def branch_tables(wildcards):
    """The tables of the requested branch."""
    return expand(
        "<results>/{experiment}/branches/{branch}/{table}.csv",
        experiment=EXPERIMENT.name,
        branch=config["branch"],
        table=["variants", "dimension", *(["probe"] if EXPERIMENT.tasks else [])],
    )
