"""verl: `train.parquet` and `test.parquet` of prompts, for `data.train_files` and `data.val_files`.

A row's `reward_model.ground_truth` holds all that `hub.rewards.compute_score` (verl's
`custom_reward_function`) needs; its `data_source` names the direction, so that verl's figures are told apart
by it. Not covered: supervised data.
"""

from datasets import Features

from builders.schema import INTEGER, MESSAGES, RLVR, STRING
from hub.export.layout import Format, Layout, Row
from hub.rewards import CHECKED_BY, ground_truth

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
            tuple(dict.fromkeys(("prompt", *CHECKED_BY, *_EXTRA))),
            Features(
                {
                    "data_source": STRING,
                    "prompt": MESSAGES,
                    "ability": STRING,
                    "reward_model": {"style": STRING, "ground_truth": STRING},
                    "extra_info": {
                        "split": STRING,
                        "index": INTEGER,
                        **{column: RLVR[column] for column in _EXTRA},
                    },
                }
            ),
            _question,
        ),
    ),
)
