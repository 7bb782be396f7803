"""verl: `train.parquet` and `test.parquet` of prompts, for `data.train_files` and `data.val_files`.

A row's `reward_model.ground_truth` holds all that `hub.rewards.compute_score` (verl's
`custom_reward_function`) needs. Its `data_source` names the direction, so that verl reports its metrics for
each direction. Not covered: supervised data.
Tested in tests/hub/export/test_export.py.
"""

from builders.schema import MESSAGES, TABLES
from hub.export.layout import Format, Layout, Row
from hub.rewards import REWARD_COLUMNS, ground_truth

_EXTRA = ("task_id", "direction", "pass_rate", "n_samples", "pass_rate_model")


def _question(row: Row, split: str, index: int) -> Row:
    return {
        "data_source": f"codeio/{row['direction']}",
        "prompt": row["prompt"],
        "ability": "reasoning",
        "reward_model": {"style": "rule", "ground_truth": ground_truth(row)},
        "extra_info": {"split": split, "index": index, **{column: row[column] for column in _EXTRA}},
    }


FORMAT = Format(
    suffix=".parquet",
    layouts=(
        Layout(
            "rlvr",
            tuple(dict.fromkeys(("prompt", *REWARD_COLUMNS, *_EXTRA))),
            {
                "data_source": "string",
                "prompt": MESSAGES,
                "ability": "string",
                "reward_model": {"style": "string", "ground_truth": "string"},
                "extra_info": {
                    "split": "string",
                    "index": "int64",
                    **{column: TABLES["rlvr"].types[column] for column in _EXTRA},
                },
            },
            _question,
        ),
    ),
)
