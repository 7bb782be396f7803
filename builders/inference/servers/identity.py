"""Identities of weights: the digest of files on this machine, else the name that their server reports.

In: a GGUF file, or a folder with *.safetensors or *.gguf. Out: `<name>@sha256:<16 hex>`. Digests are cached
in the user's cache folder by path, size and modification time. The path of a file that cannot be read here
becomes `<name>@path:<16 hex>`; a Hub id or a name stays as it is. An identity never contains a folder.
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
    """Return the cache folder for weights and digests: $CODEIO_CACHE, else ~/.cache/codeio."""
    return Path(os.environ.get("CODEIO_CACHE") or "~/.cache/codeio").expanduser()


def weights_identity(path: Path) -> str | None:
    """Return `<name>@sha256:<16 hex>` of a weights file or folder; None if there are no weights at `path`."""
    files = weight_files(path)
    return f"{path.resolve().name}@sha256:{digest(files)[:N_HEX]}" if files else None


def reported_identity(reported: str, revision: str | None, is_local: bool) -> str:
    """Return the identity of the weights that a server reports by a path, a Hub id or a name.

    `is_local` says that the server runs on this machine, so that its paths can be read.
    """
    path = PureWindowsPath(reported)  # accepts both kinds of slashes
    if not path.root and not reported.startswith((".", "~")):
        return f"{reported}@{revision}" if revision else reported
    if is_local and Path(reported).is_absolute():  # a relative path depends on the folder that codeio runs in
        with suppress(OSError, ValueError):  # no permission, name too long, null byte
            if identity := weights_identity(Path(reported)):
                return identity
    path_digest = hashlib.sha256(reported.encode()).hexdigest()  # many paths end in the same name
    return f"{path.name}@path:{path_digest[:N_HEX]}"


def weight_files(path: Path) -> list[Path]:
    """Return the weights files at `path`, sorted by name."""
    if path.is_file():
        return [path] if path.suffix in (".gguf", ".safetensors") else []
    return sorted([*path.glob("*.safetensors"), *path.glob("*.gguf")])


def digest(files: Sequence[Path]) -> str:
    """Return the SHA-256 digest (64 hex digits) of the bytes of all files in order."""
    stamps = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    cached = cache_folder() / "digests" / hashlib.sha256(repr(stamps).encode()).hexdigest()
    with suppress(OSError):
        return cached.read_text()
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                total.update(chunk)
    with suppress(OSError):  # without a writable cache folder, the digest is computed again next time
        cached.parent.mkdir(parents=True, exist_ok=True)
        unfinished = cached.with_suffix(f".{os.getpid()}")
        unfinished.write_text(total.hexdigest())
        unfinished.replace(cached)
    return total.hexdigest()
