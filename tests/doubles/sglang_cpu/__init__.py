"""A real sglang server on CPU, for tests.

In: nothing but a network to install from, the first time. Out: `SglangServer`, with an OpenAI-compatible API
and SmolLM2-135M-Instruct behind it. Environment and weights are built once into the cache (`$CODEIO_CACHE` or
`~/.cache/codeio`, folder `tests`) and need 2 GB there.

Not covered: speed, and anything but text models of the plain Llama kind. A user who serves on CPU takes the
embedded engine, or sglang's own CPU build.
"""

from .environment import environment_python
from .model import MODEL, model_folder
from .server import SglangServer

__all__ = ["MODEL", "SglangServer", "environment_python", "model_folder"]
