"""The card: its numbers are those of the tables, and text of rows is shown as it is, never as markup."""

import re
import time

import pytest
from datasets import load_dataset
from huggingface_hub import DatasetCard
from markdown_it import MarkdownIt

from builders.schema import TABLES
from builders.tables.folder import Folder
from hub.card.card import card, changelog_in, stale_lines
from tests.hub.publish.test_release import folder, rows

HOSTILE = (
    "</pre><script>alert(1)</script> | `x` ```\n<!-- /counted -->\n~~~\n# Loud\n[a](javascript:b) {{ 7 * 7 }}"
)


def written(path, *made, **more):
    dataset = folder(path, *made)
    dataset.write_readme(card(dataset, {}, "ada/data", **more))
    return dataset


def shown(dataset: Folder) -> str:
    text = DatasetCard.load(dataset.root / "README.md").text
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(text)


def test_numbers_are_counted_and_a_wrong_one_is_found(tmp_path):
    dataset = written(tmp_path / "out", rows("open"), rows("closed"))
    assert stale_lines(dataset) == []
    readme = dataset.root / "README.md"
    text = readme.read_text()
    assert "| `functions` | a function made of one | 2 |" in text
    readme.write_text(text.replace("a function made of one | 2 |", "a function made of one | 2,000 |"))
    (false, missing) = stale_lines(dataset)
    assert "2,000" in false
    assert missing.endswith("is missing")


def test_a_card_without_its_numbers_is_found(tmp_path):
    dataset = written(tmp_path / "out", rows("open"))
    readme = dataset.root / "README.md"
    readme.write_text(readme.read_text().replace("counted: funnel", "counted"))
    assert stale_lines(dataset) == ["funnel: is not in the card"]
    readme.unlink()
    assert stale_lines(dataset) != []


def test_the_headline_is_counted_too(tmp_path):
    dataset = written(tmp_path / "out", rows("open"))
    readme = dataset.root / "README.md"
    readme.write_text(readme.read_text().replace("**1 questions about", "**1,000 questions about"))
    assert any("1,000 questions" in line for line in stale_lines(dataset))


@pytest.mark.parametrize("mark", ["<!-- counted: rows -->\n", "<!-- changelog -->\n", "<!-- /counted -->\n"])
def test_marks_without_end_take_no_time(tmp_path, mark):
    dataset = written(tmp_path / "out", rows("open"))
    readme = dataset.root / "README.md"
    readme.write_text(mark * 50_000)
    began = time.monotonic()
    assert "rows: is not in the card" in stale_lines(dataset)
    assert changelog_in(readme.read_text()) == ""
    assert time.monotonic() - began < 10


def test_a_version_without_a_tag_has_no_revision_of_that_name(tmp_path):
    dataset = written(tmp_path / "out", rows("open"), changelog="### untagged\n\nThe first version.")
    assert '"revision"' not in (dataset.root / "README.md").read_text()
    dataset = written(tmp_path / "tagged", rows("open"), changelog="### v1.0.0\n\nThe first version.")
    assert '"revision": "v1.0.0"' in (dataset.root / "README.md").read_text()


def test_a_pipe_in_a_value_is_not_a_table_cell(tmp_path):
    tables = rows("open", functions={"model": "a|b"})
    assert "<code>a|b</code>" in shown(written(tmp_path / "out", tables))


def test_metadata_name_every_config_with_its_size(tmp_path):
    dataset = written(tmp_path / "out", rows("open"), rows("unknown"))
    data = DatasetCard.load(dataset.root / "README.md").data
    assert data.license == ["mit", "unknown"]
    assert data.size_categories == ["n<1K"]
    assert [config["config_name"] for config in data.configs] == list(dataset.counts())
    sizes = {info["config_name"]: info["splits"][0]["num_examples"] for info in data.dataset_info}
    assert sizes == {config: sum(splits.values()) for config, splits in dataset.counts().items()}
    for config in sizes:
        assert load_dataset(str(dataset.root), config, split="train").features == TABLES[config].features


@pytest.mark.parametrize("config", ["codeio_pp", "functions"])
def test_text_of_rows_is_shown_literally(tmp_path, config):
    tables = rows("open", raw_code={"source": HOSTILE}, functions={"query": HOSTILE, "model": HOSTILE})
    tables["dropped"]["drop_reason"] = HOSTILE
    tables["turns"] |= {
        "status": "wrong",
        "turn": 0,
        "model": HOSTILE,
        "sampling": HOSTILE,
        "prompt_id": HOSTILE,
    }
    tables["tasks"]["direction"] = HOSTILE
    if config == "codeio_pp":
        messages = [{"role": HOSTILE, "content": HOSTILE}]
        tables["codeio_pp"] = {"task_id": HOSTILE, "messages": messages, "n_turns": 1, "statuses": ["wrong"]}
    else:
        tables = {name: tables[name] for name in ("raw_code", "functions", "dropped")}
    dataset = written(tmp_path / "out", tables)
    page = shown(dataset)
    assert "<script" not in page
    assert 'href="javascript' not in page
    assert "<h1>Loud" not in page
    assert "49" not in re.findall(r"\{\{.*?\}\}|49", page)
    assert "</pre><script" not in page
    assert page.count("<h2") == page.count("</h2>") > 5
    assert stale_lines(dataset) == []


def test_a_row_may_look_like_a_counted_part(tmp_path):
    tables = rows("open", functions={"query": "# 1\n<!-- counted: statuses -->\n| 9 |\n<!-- /counted -->"})
    dataset = written(tmp_path / "out", {name: tables[name] for name in ("raw_code", "functions")})
    assert "<!-- counted: statuses -->\n| 9 |" in (dataset.root / "README.md").read_text()
    assert stale_lines(dataset) == []


def test_the_changelog_of_a_card_can_be_read_back(tmp_path):
    changelog = "### v1.1.0\n\nMore.\n\n### v1.0.0\n\nThe first version."
    dataset = written(tmp_path / "out", rows("open"), changelog=changelog)
    assert changelog_in((dataset.root / "README.md").read_text()) == changelog
    assert changelog_in("# Somebody's card") == ""


def test_every_column_is_described(tmp_path):
    tables = rows("open")
    for config in TABLES:
        tables.setdefault(config, {})
    lines = (written(tmp_path / "out", tables).root / "README.md").read_text().splitlines()
    for table in TABLES.values():
        place = next(i for i, line in enumerate(lines) if f"<code>{table.name}</code>: {table.row}<" in line)
        described = lines[place + 4 : place + 4 + len(table.columns)]
        assert [line.split(" | ")[0] for line in described] == [f"| `{name}`" for name in table.columns]
        assert all(
            line.endswith(f" | {column.meaning} |")
            for line, column in zip(described, table.columns.values(), strict=True)
        )
    assert "| `messages` | list of {role, content} | the conversation; feedback" in "\n".join(lines)
    assert "| `answers_forced` | list of bool | for each answer" in "\n".join(lines)


def test_a_folder_without_rows_has_a_card(tmp_path):
    dataset = Folder(tmp_path / "out")
    dataset.root.mkdir()
    dataset.write_readme(card(dataset, {}, "ada/data"))
    assert stale_lines(dataset) == []
