"""Dialects of text tables: separators, decimal commas, headers, comments, encodings."""

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest

from earthdim.data.coordinate_tables import TableError, outline, points, read

N, D = 50, 4


def lonlat(n=N):
    rng = np.random.default_rng(0)
    return np.column_stack((rng.uniform(-180, 180, n), rng.uniform(-90, 90, n))).round(6)


def vectors(n=N):
    return np.random.default_rng(1).standard_normal((n, D)).round(7)


def frame(n=N):
    at, values = lonlat(n), vectors(n)
    return pd.DataFrame({"lon": at[:, 0], "lat": at[:, 1], **{f"emb_{i}": values[:, i] for i in range(D)}})


def check(path, n=N, features="emb_*", **places):
    """Planning and reading agree on the file, and it holds what was written."""
    outline.check(path, n, features=features, **places)
    table = read(path, features=features, **places)
    np.testing.assert_array_equal(table.lonlat, lonlat(n))
    np.testing.assert_array_equal(table.values, vectors(n))
    np.testing.assert_array_equal(points(path, **places), lonlat(n))
    return table


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " "])
def test_separators_and_decimal_commas(separator, decimal, tmp_path):
    frame().to_csv(tmp_path / "t.csv", index=False, sep=separator, decimal=decimal)
    assert check(tmp_path / "t.csv").names == tuple(f"emb_{i}" for i in range(D))


def test_other_separators_inside_a_text_column_are_ignored(tmp_path):
    frame().assign(note="a;b;c;d;e;f;g;h|i|j\tk").to_csv(tmp_path / "t.csv", index=False)
    check(tmp_path / "t.csv")
    frame().assign(note="1,5 or 2,5").to_csv(tmp_path / "t.csv", index=False, sep=";", decimal=",")
    check(tmp_path / "t.csv")


def test_late_decimal_commas_are_read_and_mixed_ones_rejected(tmp_path):
    table = frame(3000)
    table["lat"] = 1.0
    text = table.to_csv(index=False, sep=";").replace(".0;", ";")
    table.loc[2990:, "lat"] = 12.5
    late = table.to_csv(index=False, sep=";", decimal=",").replace(",0;", ";")
    (tmp_path / "late.csv").write_text(late)
    np.testing.assert_array_equal(points(tmp_path / "late.csv")[:, 1], table["lat"])
    lines = text.splitlines()
    lines[2000] = lines[2000].replace(".", ",", 1)
    (tmp_path / "mixed.csv").write_text("\n".join(lines))
    with pytest.raises(TableError, match=r"mixed\.csv: 'lon' is not numeric but holds string"):
        points(tmp_path / "mixed.csv")


def test_commas_that_may_separate_thousands_are_rejected(tmp_path):
    table = pd.DataFrame({"lon": [1, 2, 3], "lat": [4, 5, 6], "a": ["1,234", "12,345", "7"]})
    table.to_csv(tmp_path / "t.csv", index=False, sep=";")
    for look in (lambda path: read(path, features="a"), lambda path: outline.check(path, 3, features="a")):
        with pytest.raises(TableError, match=r"'a' is not numeric .*'1,234'.* decimal point or"):
            look(tmp_path / "t.csv")
    # Another value shows that the commas are decimal ones.
    table.assign(a=["1,234", "12,345", "0,5"]).to_csv(tmp_path / "t.csv", index=False, sep=";")
    np.testing.assert_array_equal(read(tmp_path / "t.csv", features="a").values[:, 0], [1.234, 12.345, 0.5])
    # Points that separate thousands are not decimal points if there are decimal commas.
    table.assign(lon=["1,5", "2,5", "3,5"], a=["1.234", "12.345", "7"]).to_csv(
        tmp_path / "t.csv", index=False, sep=";"
    )
    with pytest.raises(TableError, match="is not numeric"):
        read(tmp_path / "t.csv", features="a")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(",", ", "),
        lambda text: text.replace(",", " ,\t"),
        lambda text: "# made by hand, in 2024\n#\n\n" + text,
        lambda text: "#" + text,
        lambda text: "# degrees, degrees\n# " + text.replace(",", ", ", 3),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("lon,lat", '"lon","lat"'),
        lambda text: text.replace("\n", "\n\n"),
    ],
    ids=["blanks", "tabs", "comments", "commented header", "both", "CRLF", "quotes", "empty lines"],
)
@pytest.mark.parametrize("mark", ["utf-8", "utf-8-sig", "utf-16"])
def test_headers(change, mark, tmp_path):
    text = change(frame().to_csv(index=False))
    (tmp_path / "t.csv").write_bytes(text.encode(mark))
    check(tmp_path / "t.csv")


def test_tables_written_by_numpy(tmp_path):
    content = np.column_stack((lonlat(), vectors()))
    names = ["lon", "lat", *(f"emb_{i}" for i in range(D))]
    np.savetxt(tmp_path / "t.txt", content, header=" ".join(names))
    check(tmp_path / "t.txt")
    np.savetxt(tmp_path / "t.txt", content, fmt="%25.17g", header=" ".join(names), comments="")
    check(tmp_path / "t.txt")
    np.savetxt(tmp_path / "t.txt", content, delimiter=",", fmt="%.17g", header=",".join(names))
    check(tmp_path / "t.txt")
    np.savetxt(tmp_path / "t.txt", content, delimiter=",")
    with pytest.raises(TableError, match=r"t\.txt: has no header"):
        read(tmp_path / "t.txt", features="emb_*")


def test_numbered_columns_are_a_header(tmp_path):
    pd.DataFrame(np.column_stack((lonlat(), vectors()))).to_csv(tmp_path / "t.csv", index=False)
    table = read(tmp_path / "t.csv", "0", "1", ["2", "3"])
    np.testing.assert_array_equal(table.values, vectors()[:, :2])


def test_quoted_line_ends_in_tables_of_any_size(tmp_path):
    for n in (N, 60_000):
        frame(n).assign(note='first "line"\n\nsecond, line').to_csv(tmp_path / "t.csv", index=False)
        check(tmp_path / "t.csv", n)
    assert (tmp_path / "t.csv").stat().st_size > 1 << 22


def test_invalid_encodings_in_unused_columns_are_ignored(tmp_path):
    table = frame().assign(Höhe="Köln")
    table.to_csv(tmp_path / "t.csv", index=False, encoding="latin-1")
    check(tmp_path / "t.csv")
    late = frame().assign(name=["x"] * (N - 1) + ["Köln"])
    late.to_csv(tmp_path / "t.csv", index=False, encoding="latin-1")
    check(tmp_path / "t.csv")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("rows", [["1 2 3", "1 2"], ["1 2 3 4", "1 2 3 4"], ["1 2 3", "1 2 3 4"]])
def test_rows_of_another_length_are_rejected(separator, rows, tmp_path):
    text = "\n".join(["lon lat a", *rows, ""])
    (tmp_path / "t.csv").write_text(text.replace(" ", separator))
    with pytest.raises(TableError, match=r"t\.csv: cannot be read as CSV"):
        read(tmp_path / "t.csv")


def test_bare_decimal_commas_between_commas_are_rejected(tmp_path):
    (tmp_path / "t.csv").write_text("lon,lat,a\n1,5,2,5,3,5\n2,5,3,5,4,5\n")
    with pytest.raises(TableError, match=r"t\.csv: cannot be read as CSV .*Expected 3 columns, got 6"):
        read(tmp_path / "t.csv")


def test_lists_as_json_and_as_numpy_prints_them(tmp_path):
    values = vectors()
    for text in (
        json.dumps,
        lambda row: str(np.array(row)),
        lambda row: str(np.array(row)).replace(" ", "\n"),
    ):
        with np.printoptions(precision=17):
            table = frame()[["lon", "lat"]].assign(v=[text(row) for row in values.tolist()])
        table.to_csv(tmp_path / "t.csv", index=False)
        check(tmp_path / "t.csv", features="v")
    table.assign(v="[1.0 2.0 ... 3.0]").to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(TableError, match="'v' holds a list that cannot be read"):
        read(tmp_path / "t.csv", features="v")


def test_text_is_rejected_with_an_example(tmp_path):
    frame().assign(emb_1=["1.5", "about 2", *["3"] * (N - 2)]).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(TableError, match="'emb_1' is not numeric but holds string, such as 'about 2'"):
        read(tmp_path / "t.csv", features="emb_*")


def test_a_large_text_table_is_planned_by_its_header(tmp_path, monkeypatch):
    monkeypatch.setattr(outline, "LARGEST_CSV", 10)
    buffer = io.BytesIO()
    frame().to_csv(buffer, index=False, sep=";", decimal=",")
    (tmp_path / "t.txt").write_bytes(b"\xef\xbb\xbf# a note\n" + buffer.getvalue())
    outline.check(tmp_path / "t.txt", N)
    (tmp_path / "t.txt").write_bytes(buffer.getvalue().replace(b"lon", b"east"))
    with pytest.raises(TableError, match=r"t\.txt: has no column 'lon'; there are east, lat"):
        outline.check(tmp_path / "t.txt", N)


def test_blanks_before_quoted_values(tmp_path):
    table = frame().assign(note='a, ""b"" c')
    text = table.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)
    (tmp_path / "t.csv").write_text(text.replace(',"', ', "'))
    check(tmp_path / "t.csv")


def test_comment_lines_next_to_the_header_are_skipped(tmp_path):
    head, _, rows = frame().to_csv(index=False, sep=";").partition("\n")
    (tmp_path / "t.csv").write_text(f"sep=;\n{head}\n# degrees; one\n#\n{rows}")
    check(tmp_path / "t.csv")
    # A first value that begins with # is a value.
    frame().assign(colour="#ff0000")[["colour", *frame()]].to_csv(tmp_path / "t.csv", index=False)
    check(tmp_path / "t.csv")
