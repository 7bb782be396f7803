"""The local sglang server is started, restarted after a crash, and stopped; failures give their reason."""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from builders.inference import Client, EngineFailed, EngineMissing, RequestCache, sglang
from builders.inference.servers.sglang import find_python, is_healthy
from tests import ROOT
from tests.doubles.chat_server import request, texts
from tests.doubles.process import members

Parts = tuple[Path, Path]
BRIEF = {"max_tokens": 8}


def wait_until(holds: Callable[[], object], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert holds()


def is_there(url: str) -> bool:
    return is_healthy(url.removesuffix("/v1"))


def servers() -> list[int]:
    """Return the process ids of servers that codeio started, recognised by their command lines."""
    pids = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and b"--sleep-on-idle\0--max-total" in (folder / "cmdline").read_bytes():
                pids.append(int(folder.name))
    return pids


def test_without_sglang_the_error_says_how_to_install_it(cache_folder: Path) -> None:
    with pytest.raises(EngineMissing) as caught:
        find_python()
    assert f"python3 -m venv {cache_folder}/sglang" in str(caught.value)
    with pytest.raises(EngineMissing, match="is not an interpreter"):
        find_python(cache_folder / "absent")


def test_an_environment_in_the_cache_folder_is_found(cache_folder: Path) -> None:
    python = cache_folder / "sglang" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    assert find_python() == python


def test_a_taken_port_and_an_absent_folder_are_reported_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(EngineFailed, match=f"Port {port} is already in use"),
            sglang("some/model", tmp_path / "log", python=Path(sys.executable), port=port),
        ):
            pass
    with pytest.raises(EngineFailed, match="is not a folder"), sglang("/no/such/model", tmp_path / "log"):
        pass


def test_an_interpreter_without_sglang_is_reported(tmp_path: Path) -> None:
    with (
        pytest.raises(EngineFailed, match="sglang is not installed there"),
        sglang("some/model", tmp_path / "log", python=Path(sys.executable)),
    ):
        pass


def test_an_unknown_model_a_wrong_flag_and_lack_of_memory_are_reported(
    tmp_path: Path, sglang_parts: Parts
) -> None:
    python, weights = sglang_parts
    # A fraction below zero leaves nothing, even if other processes free memory meanwhile.
    with (
        pytest.raises(EngineFailed, match="ran out of memory"),
        sglang(str(weights), tmp_path / "log", python=python, flags=["--mem-fraction-static=-1"]),
    ):
        pass
    with (
        pytest.raises(EngineFailed, match="cannot find or load the model"),
        sglang("no-such-owner/no-such-model", tmp_path / "log", python=python),
    ):
        pass
    with (
        pytest.raises(EngineFailed, match="does not know one of the flags"),
        sglang(str(weights), tmp_path / "log", python=python, flags=["--no-such-flag"]),
    ):
        pass


def test_it_serves_comes_back_when_killed_and_ends_with_the_block(
    tmp_path: Path, sglang_parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    python, weights = sglang_parts
    caplog.set_level(logging.WARNING)
    progress: list[str] = []
    cache = RequestCache(tmp_path / "requests.sqlite")
    with sglang(str(weights), tmp_path / "log", python=python, on_wait=progress.append) as server:
        assert server.engine == "sglang"
        assert "@sha256:" in server.identity
        assert any("loading" in line for line in progress)
        client = Client(server, cache, patience_s=300)
        (first,) = client.ask([request("Hello", **BRIEF)])
        (pid,) = [pid for pid in servers() if pid in members(pid)]  # the leader of its session
        os.kill(pid, signal.SIGKILL)
        outcomes = client.ask([request("Hello", **BRIEF), request("Good morning", **BRIEF)])
        assert texts(outcomes)[0] == texts([first])[0]
        assert "Restarting it" in caplog.text
        assert "is back" in caplog.text
        client.close()
    assert not is_there(server.base_url)
    assert servers() == []


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGKILL])
def test_codeio_serve_ends_its_server_with_itself(
    tmp_path: Path, sglang_parts: Parts, way: signal.Signals
) -> None:
    """Ctrl+C comes when the server is ready, the kill while it loads and starts processes of its own."""
    python, weights = sglang_parts
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"
    command = [sys.executable, "-m", "builders", "serve", str(weights), "--port", str(port)]
    command += ["--log", str(tmp_path / "log"), "--sglang-python", str(python)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    started = (lambda: is_there(url)) if way == signal.SIGINT else servers
    wait_until(lambda: started() or process.poll() is not None)
    assert process.poll() is None
    time.sleep(1)  # it prints that it is ready a moment after the server is
    process.send_signal(way)
    _, errors = process.communicate(timeout=60)
    if way == signal.SIGINT:
        assert f"is served at {url}" in errors.replace("\n", "")
        assert process.returncode == 0
    else:
        assert process.returncode == -signal.SIGKILL
    wait_until(lambda: servers() == [], 60)
    assert not is_there(url)
