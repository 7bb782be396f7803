"""Recipes: printed, edited and built from; flags win over them, and mistakes are reported before any work."""

import json
import re

import pytest
import yaml

from tests.building import parquet_bytes, read_rows, run_codeio, write_functions_file

OPTIONS = ("--from", "functions", "--max-pairs", 2, "--test-share", 0, "--samples", 2, "--temperature", 1)


@pytest.fixture
def printed(monkeypatch, capsys):
    """Return a function that returns the recipe which `--print-recipe` prints for these arguments."""

    def printed(*arguments):
        assert run_codeio(monkeypatch, "build", *arguments, "--print-recipe") == 0
        return capsys.readouterr().out

    return printed


def usage_error(monkeypatch, capsys, *arguments):
    """Return the error that `codeio build` prints for wrong arguments, as one line."""
    assert run_codeio(monkeypatch, "build", *arguments) == 2
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", capsys.readouterr().err).split())


def test_a_printed_recipe_makes_the_same_build(monkeypatch, source, tmp_path, server, printed):
    (tmp_path / "system.txt").write_text("Think.\nThen answer.\n")
    more = ("--system-prompt", tmp_path / "system.txt", "--chat-template", '{"a": [1, "no"]}')
    flags = ("--base-url", server.address, *OPTIONS, *more)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(printed(source, "--out", tmp_path / "two" / "made", *flags))
    assert not (tmp_path / "two").exists()
    assert run_codeio(monkeypatch, "build", source, "--out", tmp_path / "one" / "made", *flags) == 0
    asked = len(server.bodies)
    assert run_codeio(monkeypatch, "build", recipe) == 0
    one, two = tmp_path / "one" / "made", tmp_path / "two" / "made"
    assert parquet_bytes(one) == parquet_bytes(two)
    cards = [(made / "README.md").read_text().replace(str(made), "") for made in (one, two)]
    assert cards[0] == cards[1]
    options = [json.loads((made / ".codeio" / "run.json").read_text()) for made in (one, two)]
    assert options[0] == options[1]
    bodies = [json.dumps(body, sort_keys=True) for body in server.bodies]
    assert sorted(bodies[:asked]) == sorted(bodies[asked:])


def test_a_recipe_is_printed_as_it_was_read(source, tmp_path, printed):
    first = printed(source, "--out", "made", *OPTIONS, "--num-proc", 3, "--patience", 5)
    (tmp_path / "recipe.yml").write_text(first)
    assert printed(tmp_path / "recipe.yml") == first
    assert yaml.safe_load(first)["responses"]["temperature"] == 1.0


def test_a_recipe_needs_neither_servers_nor_a_folder(printed):
    recipe = yaml.safe_load(printed("corpus"))
    assert recipe["source"] == "corpus"
    assert not {"out", "servers"} & recipe.keys()


def test_a_flag_wins_over_the_recipe(monkeypatch, source, tmp_path, printed):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(printed(source, "--out", tmp_path / "a", *OPTIONS, "--until", "tasks"))
    flags = ("--out", tmp_path / "b", "--max-pairs", 3, "--until", "io_pairs")
    assert run_codeio(monkeypatch, "build", recipe, *flags) == 0
    assert not (tmp_path / "a").exists()
    assert len(read_rows(tmp_path / "b", "io_pairs")) == 6
    assert not list((tmp_path / "b").glob("tasks/*"))


def test_a_default_given_as_a_flag_wins_too(source, tmp_path, printed):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(printed(source, "--keep-reasoning", "--max-pairs", 7))
    options = yaml.safe_load(printed(recipe, "--no-keep-reasoning", "--max-pairs", 3))
    assert options["training_set"] == {"keep_reasoning": False}
    assert options["io_pairs"] == {"max_pairs": 3}


def test_a_server_on_the_command_line_replaces_that_of_the_recipe(
    monkeypatch, source, tmp_path, server, printed
):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(printed(source, "--embedded", "no-such-model", *OPTIONS))
    assert (
        run_codeio(monkeypatch, "build", recipe, "--out", tmp_path / "out", "--base-url", server.address) == 0
    )
    assert len(read_rows(tmp_path / "out", "codeio")) == 16


def test_a_relative_source_is_relative_to_the_working_directory(monkeypatch, tmp_path):
    (tmp_path / "here").mkdir()
    write_functions_file(tmp_path / "here")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("source: functions.jsonl\nout: made\nfrom_table: functions\nuntil: io_pairs\n")
    monkeypatch.chdir(tmp_path / "here")
    assert run_codeio(monkeypatch, "build", recipe) == 0
    assert len(read_rows(tmp_path / "here" / "made", "io_pairs")) == 6


def test_the_recipe_shown_for_a_run_continues_it(monkeypatch, tmp_path, server, capsys, finished):
    out = finished("--samples", 2).copy(tmp_path / "out")
    before = parquet_bytes(out)
    assert run_codeio(monkeypatch, "status", out) == 0
    shown = capsys.readouterr().out
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(shown[shown.index("\nsource: ") :])
    assert run_codeio(monkeypatch, "status", out, "--json") == 0
    assert json.loads(capsys.readouterr().out)["recipe"] == yaml.safe_load(recipe.read_text())
    assert run_codeio(monkeypatch, "build", recipe, "--base-url", server.address) == 0
    assert parquet_bytes(out) == before
    assert not server.bodies


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("source: {source}\nout: {out}\nio_pairs:\n  max_pair: 3\n", "line 4: there is no key 'max_pair'"),
        ("source: {source}\nout: {out}\nseed: 1.5\n", "line 3: seed: must be a whole number, not 1.5."),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_sentence(monkeypatch, source, tmp_path, capsys, text, words):
    recipe, out = tmp_path / "recipe.yaml", tmp_path / "out"
    recipe.write_text(text.format(source=source, out=out))
    assert words in usage_error(monkeypatch, capsys, recipe)
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "flags", "words"),
    [
        ("from_table: turns\nuntil: tasks\n", (), "line 4 (until): lies before training_set"),
        ("from_table: turns\n", ("--until", "tasks"), "Invalid value for --until: lies before training_set"),
        ("responses:\n  truncated_tokens: 99\n", (), "line 4 (truncated_tokens): must exceed --max-tokens"),
        ("", (), "asks a model"),
        ("servers:\n  embedded: m\n  sglang: m\n", (), "give only one of the three"),
    ],
)
def test_options_that_do_not_go_together_are_refused_by_their_place(
    monkeypatch, source, tmp_path, capsys, text, flags, words
):
    recipe, out = tmp_path / "recipe.yaml", tmp_path / "out"
    recipe.write_text(f"source: {source}\nout: {out}\n{text}")
    assert words in usage_error(monkeypatch, capsys, recipe, *flags)
    assert not out.exists()


def test_a_folder_to_write_must_be_named(monkeypatch, source, tmp_path, capsys):
    assert "--out: give an output folder" in usage_error(monkeypatch, capsys, source)
    (tmp_path / "recipe.yaml").write_text("seed: 1\n")
    assert "SOURCE: the recipe names no source" in usage_error(monkeypatch, capsys, tmp_path / "recipe.yaml")


def test_a_missing_recipe_is_reported(monkeypatch, tmp_path, capsys):
    assert "No such file" in usage_error(monkeypatch, capsys, tmp_path / "none.yaml")
