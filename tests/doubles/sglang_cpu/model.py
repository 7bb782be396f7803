"""The weights of the sglang server, in a format that sglang can read on CPU.

In: the GGUF file of SmolLM2-135M-Instruct, downloaded as for the embedded engine. Out: a folder in the
Hugging Face format, 260 MB.
"""

from pathlib import Path

from builders.inference.servers.weights import find_weights
from tests.doubles.build import build_once, recipe_id, tests_cache
from tests.doubles.process import run

from .environment import VARIABLES, environment_id, environment_python

MODEL = "smollm2-135m"  # the name for the download, and the name that is served
CONVERTER = Path(__file__).with_name("gguf_to_hf.py")


def model_folder() -> Path:
    """Return the folder of the converted weights; download and convert them if they are not in the cache.

    Raises:
        CommandFailed: the conversion failed.
    """
    recipe = recipe_id(environment_id(), CONVERTER.read_text())
    return build_once(tests_cache() / f"{MODEL}-{recipe}", _fill)


def _fill(folder: Path, log: Path) -> None:
    run([environment_python(), CONVERTER, find_weights(MODEL).path, folder], log, VARIABLES)
