"""A real sglang server on CPU, for tests.

In: nothing, except a network for the first installation. Out: `SglangServer`, which has an OpenAI-compatible
API and serves SmolLM2-135M-Instruct. Environment and weights are built once in the cache (`$CODEIO_CACHE` or
`~/.cache/codeio`, folder `tests`), where they need 2 GB.

Not covered: speed, and models that are not plain Llama-like text models. To serve on CPU, users take the
embedded engine or sglang's own CPU build.
"""

from .environment import environment_python
from .model import MODEL, model_folder
from .server import SglangServer

__all__ = ["MODEL", "SglangServer", "environment_python", "model_folder"]
