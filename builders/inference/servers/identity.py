"""Names for weights: by their bytes where they lie on this machine, else by what their server says.

In: a GGUF file, or a folder with *.safetensors or *.gguf. Out: `<name>@sha256:<16 hex>`. Digests of large
files are remembered in the user's cache folder by path, size and time of change. A path that cannot be
followed becomes `<name>@path:<16 hex>`; a Hub id or a name stays as it is. No folder gets into an identity.
Not covered: configuration and tokenizer files beside the weights; relative paths that look like a Hub id.
Tested in tests/builders/inference/servers/test_server.py.
"""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PureWindowsPath

N_HEX = 16
_CHUNK_BYTES = 1 << 22


def cache_folder() -> Path:
    """Where weights and digests are kept: $CODEIO_CACHE, else ~/.cache/codeio."""
    return Path(os.environ.get("CODEIO_CACHE") or "~/.cache/codeio").expanduser()


def weights_identity(path: Path) -> str | None:
    """`<name>@sha256:<16 hex>` of a weights file or folder; None where there are no weights at `path`."""
    files = weight_files(path)
    return f"{path.resolve().name}@sha256:{digest(files)[:N_HEX]}" if files else None


def told_identity(told: str, revision: str | None, here: bool) -> str:
    """The identity of what a server says it serves; `here`: it runs on this machine, its paths are ours."""
    path = PureWindowsPath(told)  # reads both kinds of slashes
    if not path.root and not told.startswith((".", "~")):
        return f"{told}@{revision}" if revision else told
    if here and Path(told).is_absolute():  # a relative path would be another one wherever codeio runs
        with suppress(OSError, ValueError):  # no permission, too long a name, a null byte
            if identity := weights_identity(Path(told)):
                return identity
    whole = hashlib.sha256(told.encode()).hexdigest()  # many paths end alike
    return f"{path.name}@path:{whole[:N_HEX]}"


def weight_files(path: Path) -> list[Path]:
    """The files that hold the weights, by name."""
    if path.is_file():
        return [path] if path.suffix in (".gguf", ".safetensors") else []
    return sorted([*path.glob("*.safetensors"), *path.glob("*.gguf")])


def digest(files: Sequence[Path]) -> str:
    """sha256 (64 hex digits) over the bytes of all files in order."""
    stamps = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    memory = cache_folder() / "digests" / hashlib.sha256(repr(stamps).encode()).hexdigest()
    with suppress(OSError):
        return memory.read_text()
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                total.update(chunk)
    with suppress(OSError):  # a cache folder that cannot be written only costs time
        memory.parent.mkdir(parents=True, exist_ok=True)
        unfinished = memory.with_suffix(f".{os.getpid()}")
        unfinished.write_text(total.hexdigest())
        unfinished.replace(memory)
    return total.hexdigest()
