"""The published values agree with the paper's Table 1 and with the leaves of released weights."""

from places import CONFIG

from earthdim.analysis.published import published


def test_published_values_are_those_of_the_paper():
    table = published().set_index(["model", "resolution", "estimator"])
    assert table.loc[("satclip", "l10", "fishers"), "value"] == 5.00
    assert table.loc[("satclip", "l40", "mle"), "value"] == 2.03
    assert table.loc[("geoclip", "", "mom"), "value"] == 13.02
    approximate = table[table["approximate"] == "yes"]
    assert approximate["value"].to_dict() == {("satclip", "l20", "fishers"): 6.5}
    assert len(table) == 41
    table1 = table[table["table"] == "Table 1"]
    assert len(table1) == 40
    assert table1.groupby("name").size().tolist() == [4] * 10
    assert table["source"].str.contains("2511.02101").all()


def test_location_encoders_of_table_1_name_a_leaf_of_weights():
    table1 = published().query("table == 'Table 1'")
    leaves = {f"{path.parent.name}_{path.stem}" for path in (CONFIG / "weights").glob("*/*.yaml")}
    variants_of = table1.loc[table1["kind"] == "location"].groupby("name")["variant"].unique()
    assert all(len(variants) == 1 and variants[0] in leaves for variants in variants_of)
    assert (table1.loc[table1["kind"] == "image", "variant"] == "").all()
