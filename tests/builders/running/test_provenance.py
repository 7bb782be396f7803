"""The provenance of a build, and the command in it; tests/hub/card tests the rest."""

import pytest

from builders.options import Options
from builders.running.provenance import provenance
from builders.running.run import Run, json_options

MANY = Options(
    source="/elsewhere/functions.jsonl",
    chat_template={"enable_thinking": False},
    content_column="code text",
    from_table="functions",
    keep_reasoning=True,
    license="mit",
    limit=5,
    max_pairs=2,
    samples=3,
    system="Be\nbrief",
    temperature=1.0,
    test_share=0.0,
    truncated_tokens=9000,
    turns=0,
)


@pytest.mark.parametrize(
    ("options", "model", "command"),
    [
        (Options(source="OWNER/NAME"), None, "codeio build OWNER/NAME --out OUT"),
        (Options(source="OWNER/NAME"), "m", "codeio build OWNER/NAME --out OUT --base-url URL"),
        (Options(source="a", cpu_s=2.0), None, "codeio build a --cpu-s 2.0 --out OUT"),
        (
            MANY,
            "m",
            "codeio build functions.jsonl --chat-template '{\"enable_thinking\": false}' --content-column "
            "'code text' --from functions --keep-reasoning --license mit --limit 5 --max-pairs 2 --samples 3 "
            "--system-prompt FILE --temperature 1.0 --test-share 0.0 --truncated-tokens 9000 --turns 0 "
            "--out OUT --base-url URL",
        ),
    ],
)
def test_the_command_has_every_option_that_is_no_default(tmp_path, options, model, command):
    with Run(tmp_path).opened(json_options(options)) as run:
        run.save_options({"model": model})
    assert provenance(tmp_path)["command"] == command


def test_options_and_limits_stand_apart(tmp_path):
    with Run(tmp_path).opened(json_options(MANY)):
        pass
    facts = provenance(tmp_path)
    assert facts["limits"] == {"cpu_s": 5, "wall_s": 30, "memory_mb": 1024}
    assert facts["options"]["max_pairs"] == 2
    assert not {"source", "model", "cpu_s"} & facts["options"].keys()
