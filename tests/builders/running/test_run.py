import json
from dataclasses import replace

import pytest

from builders.formats import NUMBERS, UNSTATED, FormatMismatch
from builders.options import Options
from builders.running.run import Run, RunError, json_options

OPTIONS = {"source": "a", "limit": 10, "turns": 1, "samples": 1, "seed": 0}


def reopened(tmp_path, **changes):
    with Run(tmp_path / "out").opened(OPTIONS):
        pass
    with Run(tmp_path / "out").opened({**OPTIONS, **changes}) as run:
        return run.options()


@pytest.mark.parametrize("growth", [{}, {"limit": 20}, {"limit": None}, {"turns": 2, "samples": 4}])
def test_a_run_goes_on_and_grows(tmp_path, growth):
    assert reopened(tmp_path, **growth) == {**OPTIONS, **growth}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 1}, "seed=0, now it is 1"),
        ({"source": "b"}, "source='a'"),
        ({"limit": 5}, "limit=10"),
        ({"samples": 0}, "samples=1"),
    ],
)
def test_other_differences_are_refused_by_name(tmp_path, change, words):
    with pytest.raises(RunError, match=words):
        reopened(tmp_path, **change)
    assert Run(tmp_path / "out").options() == OPTIONS


def test_without_a_limit_a_run_cannot_shrink_to_one(tmp_path):
    with Run(tmp_path).opened({"limit": None}):
        pass
    with pytest.raises(RunError, match="limit=None"), Run(tmp_path).opened({"limit": 5}):
        pass


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="did not write"), Run(tmp_path).opened(OPTIONS):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file"), Run(tmp_path / "file").opened(OPTIONS):
        pass


def test_two_builds_do_not_write_to_one_folder(tmp_path):
    with (
        Run(tmp_path).opened(OPTIONS),
        pytest.raises(RunError, match="Another codeio"),
        Run(tmp_path).opened(OPTIONS),
    ):
        pass


def test_telemetry_adds_up_lines(tmp_path):
    with Run(tmp_path).opened(OPTIONS) as run:
        run.log("stage", stage="tasks", seconds=1)
        run.log("stage", stage="tasks", seconds=2)
    assert [line["seconds"] for line in run.telemetry()] == [1, 2]
    assert json.loads((tmp_path / ".codeio" / "run.json").read_text()) == {**OPTIONS, **NUMBERS}


def numbered(tmp_path, **numbers):
    with Run(tmp_path).opened(OPTIONS) as run:
        run.log("build", codeio="0.9.3")
    file = tmp_path / ".codeio" / "run.json"
    file.write_text(json.dumps({**OPTIONS, **numbers}))
    return Run(tmp_path), file


@pytest.mark.parametrize("numbers", [{"format": "0.9"}, {"format": "0.9", "rules": "0.9"}, {"rules": "0.9"}])
def test_a_run_of_another_codeio_is_recognised_before_it_goes_on(tmp_path, numbers):
    run, file = numbered(tmp_path, **numbers)
    before = file.read_bytes()
    with pytest.raises(FormatMismatch, match=r"0\.9.*0\.9\.3"), run.opened(OPTIONS):
        pass
    assert file.read_bytes() == before
    assert run.numbers() == {**UNSTATED, **numbers}


def test_what_a_run_holds_is_not_told_of_another_format_only(tmp_path):
    run, _ = numbered(tmp_path, rules="0.9")
    assert run.options() == OPTIONS
    run, _ = numbered(tmp_path / "other", format="0.9")
    with pytest.raises(FormatMismatch, match=r"other is data of format 0\.9"):
        run.options()


def test_a_run_without_numbers_goes_on_and_gets_them(tmp_path):
    run, file = numbered(tmp_path)
    assert run.numbers() == UNSTATED
    with run.opened(OPTIONS):
        pass
    assert json.loads(file.read_text()) == {**OPTIONS, **NUMBERS}


def test_folders_made_before_go_on(tmp_path):
    """A folder whose run.json has these names and values can be continued, and can grow."""
    before = {
        **dict.fromkeys(("chat_template", "from_table", "license", "limit", "system", "truncated_tokens")),
        **{"content_column": "content", "path_column": "path", "license_column": "license"},
        **{"cpu_s": 5, "wall_s": 30, "memory_mb": 1024, "source": "OWNER/NAME", "seed": 0, "max_pairs": 3},
        **{"samples": 1, "turns": 1, "temperature": 0.7, "top_p": 1.0, "max_tokens": 4096},
        **{"keep_reasoning": False, "test_share": 0.02},
    }
    assert json_options(Options(source="OWNER/NAME")) == before
    (tmp_path / ".codeio").mkdir()
    (tmp_path / ".codeio" / "run.json").write_text(json.dumps({**before, "model": "m"}))
    grown = Options(source="OWNER/NAME", samples=2, turns=3, truncated_tokens=5000)
    with Run(tmp_path).opened(json_options(grown)) as run:
        assert run.options() == {**json_options(grown), "model": "m"}
    with (
        pytest.raises(RunError, match="cpu_s=5, now it is 6"),
        Run(tmp_path).opened(json_options(replace(grown, cpu_s=6))),
    ):
        pass


@pytest.mark.parametrize(
    ("old", "new", "grows"), [(None, 9, True), (9, 10, True), (9, 8, False), (9, None, False)]
)
def test_truncated_tokens_may_come_and_rise(tmp_path, old, new, grows):
    with Run(tmp_path).opened({"truncated_tokens": old}):
        pass
    if grows:
        Run(tmp_path).save_options({"truncated_tokens": new})
    else:
        with pytest.raises(RunError, match="it can grow but not shrink"):
            Run(tmp_path).save_options({"truncated_tokens": new})


def test_a_local_source_is_remembered_by_its_whole_path(tmp_path, monkeypatch):
    (tmp_path / "code").mkdir()
    monkeypatch.chdir(tmp_path)
    assert json_options(Options(source="code"))["source"] == str(tmp_path / "code")
    assert json_options(Options(source="OWNER/NAME"))["source"] == "OWNER/NAME"
