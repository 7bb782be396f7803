"""The rows of two versions are matched as a comparison row by row would match them."""

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders.schema import TABLES
from hub.changes.compare import changes
from tests.hub.changes.versions import counted, dropped_row, groups, rows, shown, write_version


def test_rows_compare_by_the_columns_that_both_have(tmp_path):
    before, after = (
        write_version(tmp_path / "old", rows(), rows(sample=1)),
        write_version(tmp_path / "new", rows(), rows(sample=1)),
    )
    (file,) = before.folder.files("turns")
    older = (
        pq.read_table(file).drop_columns(["answer_forced"]).append_column("mood", pa.array(["glad", None]))
    )
    at = older.schema.get_field_index("turn")
    older = older.set_column(at, "turn", older["turn"].cast(pa.int32()))
    older = older.set_column(0, "response_id", older["response_id"].cast(pa.large_string()))
    pq.write_table(older, file)
    result = changes(before, after)
    table_changes = result.tables["turns"]
    assert (table_changes.n_unchanged, table_changes.groups) == (2, ())
    assert (table_changes.columns_added, table_changes.columns_removed) == (("answer_forced",), ("mood",))
    assert table_changes.columns_retyped == ("response_id", "turn")
    assert "columns added: answer_forced" in shown(result)


def test_dropped_rows_with_one_name_are_matched_by_their_content(tmp_path):
    def twins(*contents):
        return [
            {"dropped": {**dropped_row("raw_code", "f", "f")["dropped"], "content": text}}
            for text in contents
        ]

    before = write_version(tmp_path / "old", *twins("a", "b", "c"))
    assert (
        counted(changes(before, write_version(tmp_path / "same", *twins("c", "b", "a"))), "dropped")[
            "changed"
        ]
        == 0
    )
    fewer = changes(before, write_version(tmp_path / "fewer", *twins("c", "a")))
    assert (fewer.tables["dropped"].n_unchanged, counted(fewer, "dropped")["removed"]) == (2, 1)
    other = changes(before, write_version(tmp_path / "other", *twins("c", "x", "a", "y")))
    assert groups(other, "changed") == {"dropped": {("content",): 1}}
    assert counted(other, "dropped")["added"] == 1


SMALL = st.integers(0, 2)
CHAINS = st.lists(
    st.builds(
        lambda file, function, pair, task, sample, status, license: rows(
            file=f"f{file}",
            function=f"u{function}",
            pair=f"p{pair}",
            task=f"t{task}",
            sample=sample,
            **{
                "turns": {"status": status},
                "codeio": {"status": status},
                "functions": {"license": license},
            },
        ),
        *[SMALL] * 5,
        st.sampled_from(["wrong", "correct", None]),
        st.sampled_from(["mit", "bsd"]),
    ),
    min_size=1,
    max_size=6,
)
ANSWERS = ("f0.u0.p0.t0/0", "f0.u0.p0.t0.0.0")
LOST = st.lists(
    st.builds(
        dropped_row,
        st.sampled_from(["raw_code", "functions", "io_pairs", "tasks", "responses", "codeio"]),
        st.sampled_from(
            ["here/f0.py", "f0", "f1.u0", "f0.u0.p0", "f0.u0.p0.t0", "f0.u0.p0.t0/0", "f0.u0.p0.t0.0.0"]
        ),
        st.sampled_from(["f0", "", None]),
        st.sampled_from(["odd", "even"]),
    ),
    max_size=3,
)
VERSIONS = st.tuples(CHAINS, LOST, st.sets(st.sampled_from(list(TABLES)), max_size=3))


def stored_rows(folder, config):
    return [row for file in folder.files(config) for row in pq.read_table(file).to_pylist()]


def naive(config, old, new):
    """Return the same counts, compared row by row; the keys of the rows must be distinct."""
    before, after = ({tuple(row[c] for c in TABLES[config].key): row for row in rows} for rows in (old, new))
    both = before.keys() & after.keys()
    status = TABLES[config].grade
    regraded = {key for key in both if status and before[key][status] != after[key][status]}
    return {
        "added": len(after.keys() - both),
        "removed": len(before.keys() - both),
        "regraded": len(regraded),
        "changed": sum(before[key] != after[key] for key in both - regraded),
        "moved": 0,
    }


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VERSIONS, min_size=2, max_size=2))
def test_the_way_back_mirrors_the_way_there(tmp_path_factory, drawn):
    root = tmp_path_factory.mktemp("drawn")
    both = []
    for name, (chains, drops, without) in zip(("old", "new"), drawn, strict=True):
        last = {}  # one row for each key, as a build writes them
        for part in chains:
            for config, row in part.items():
                last.setdefault(config, {})[tuple(row[c] for c in TABLES[config].key)] = row
        parts = [{config: row} for config, some in last.items() for row in some.values()]
        both.append(write_version(root / name, *parts, *drops, without=without))
    forward, back = changes(*both), changes(*reversed(both))
    for change, mirrored in (("added", "removed"), ("removed", "added"), ("changed", "changed")):
        assert groups(forward, change) == groups(back, mirrored)
    swapped = {
        config: {(now, was): n_rows for (was, now), n_rows in some.items()}
        for config, some in groups(back, "regraded").items()
    }
    assert groups(forward, "regraded") == swapped
    for config, table_changes in forward.tables.items():
        counts = counted(forward, config)
        alike = table_changes.n_unchanged + counts["regraded"] + counts["changed"]
        assert (alike + counts["removed"], alike + counts["added"]) == (
            table_changes.n_old,
            table_changes.n_new,
        )
        if config != "dropped":
            assert counts == naive(config, *(stored_rows(side.folder, config) for side in both))
