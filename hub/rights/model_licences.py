"""The licences of the models that wrote what is published, as their pages on the Hub state them.

In: the models that the tables name. Out: the licence of each, or None if the Hub has no such model (a local
file, a name that only a server uses) or its page names no licence.

Not covered: what a licence requires.
"""

from collections.abc import Iterable

from huggingface_hub import HfApi, ModelInfo
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from builders.schema import TABLES
from builders.tables.counts import value_counts
from builders.tables.folder import Folder
from hub.transient import is_transient

TIMEOUT_S = 10


def models(folder: Folder) -> list[str]:
    """Return the models that wrote functions or answers, sorted."""
    configs = [table.name for table in TABLES.values() if "model" in table.columns]
    written_by = {model for config in configs for model, _ in value_counts(folder.columns(config, "model"))}
    return sorted(written_by - {None})


def licences(names: Iterable[str]) -> dict[str, str | None]:
    """Return the licence of each model, as the Hub states it."""
    return {model: _licence(model) for model in names}


def _licence(model: str) -> str | None:
    repo_id, _, revision = model.partition("@")
    repo_id = repo_id.partition(":")[0]  # what follows a colon names a quantized file
    try:
        validate_repo_id(repo_id)
        if "/" not in repo_id:
            return None
        info = HfApi().model_info(repo_id, revision=_commit(revision), timeout=TIMEOUT_S)
    except (HfHubHTTPError, HFValidationError, OSError):
        return None
    except Exception as error:
        if is_transient(error):
            return None
        raise
    return _stated(info)


def _commit(revision: str) -> str | None:
    """Return a revision on the Hub; None for the hash of a file's bytes."""
    return revision if revision and ":" not in revision else None


def _stated(info: ModelInfo) -> str | None:
    card = info.card_data
    stated = (card.get("license_name") or card.get("license")) if card else None
    return stated if isinstance(stated, str) else None
