"""Environments for tests are built once; incomplete ones are built again; a failure shows its log."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests import ROOT
from tests.doubles.build import build_once
from tests.doubles.process import CommandFailed, members, run
from tests.doubles.uv import uv_settings

FORK = multiprocessing.get_context("fork")
"""A process that begins as a copy of this one: it need not import anything again."""


def write_content(folder: Path, log: Path) -> None:
    (folder / "content").write_text("whole")


def built_slowly(folder: Path, begun: Path, seconds: float) -> str:
    """Build the folder; `begun` gets a character for each time that this begins. Return the content."""

    def fill(folder: Path, log: Path) -> None:
        with begun.open("a") as count:
            count.write("x")
        time.sleep(seconds)
        write_content(folder, log)

    return (build_once(folder, fill) / "content").read_text()


def test_what_a_killed_run_left_is_built_again(tmp_path: Path) -> None:
    half = tmp_path / "thing"
    half.mkdir()
    (half / "half").touch()

    build_once(half, write_content)

    assert (half / "content").read_text() == "whole"
    assert not (half / "half").exists()


def test_a_complete_folder_is_not_built_again(tmp_path: Path) -> None:
    folder = build_once(tmp_path / "thing", write_content)
    (folder / "content").write_text("mine")

    assert (build_once(folder, write_content) / "content").read_text() == "mine"


def test_two_processes_build_once(tmp_path: Path) -> None:
    task = (tmp_path / "cache" / "thing", tmp_path / "count", 0.5)
    with ProcessPoolExecutor(2, FORK) as processes:
        both = [processes.submit(built_slowly, *task) for _ in range(2)]
        assert [one.result(timeout=60) for one in both] == ["whole", "whole"]

    assert (tmp_path / "count").read_text() == "x"


def test_a_process_that_is_killed_during_a_build_does_not_block_others(tmp_path: Path) -> None:
    folder, begun = tmp_path / "thing", tmp_path / "count"
    owner = FORK.Process(target=built_slowly, args=(folder, begun, 600))
    owner.start()
    deadline = time.monotonic() + 60
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert begun.exists()
    owner.kill()
    owner.join()

    assert (build_once(folder, write_content) / "content").read_text() == "whole"


def test_a_failure_shows_the_end_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(CommandFailed, match=r"(?s)exit code 3 of .*no such wheel"):
        run([sys.executable, "-c", "print('no such wheel'); raise SystemExit(3)"], log)


def test_a_command_is_killed_when_its_parent_is(tmp_path: Path) -> None:
    sleeper = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    owner = f"from pathlib import Path; from tests.doubles.process import run; \
run([{sys.executable!r}, '-c', {sleeper!r}], Path({str(tmp_path / 'log')!r}))"
    parent = subprocess.Popen([sys.executable, "-c", owner], cwd=ROOT)
    log = tmp_path / "log"
    deadline = time.monotonic() + 30
    while not (log.exists() and log.read_text().endswith("\n")) and time.monotonic() < deadline:
        time.sleep(0.05)
    child = int(log.read_text())
    assert members(child) == [child]

    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()

    while members(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert members(child) == []


def test_uv_gets_the_settings_of_pip_whose_variables_override_its_files() -> None:
    pip_config = """:env:.find-links='/wheels /more'
global.cert='/certificates'
global.extra-index-url='https://one\\nhttps://two'
global.find-links='/else'
global.quiet='1'
"""
    assert uv_settings(pip_config) == {
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_INDEX": "https://one https://two",
        "SSL_CERT_FILE": "/certificates",
    }


def test_uv_installs_the_build_that_pip_would_install(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for release in ("1.0", "1.0+cpu"):
        write_wheel(wheels, release)
    uv = [sys.executable, "-m", "tests.doubles.uv"]
    environment = {**os.environ, "PIP_FIND_LINKS": str(wheels), "UV_CACHE_DIR": str(tmp_path / "cache")}
    for command in (
        ["venv", tmp_path / "env"],
        ["pip", "install", "--offline", "--no-index", "--python", tmp_path / "env", "thing==1.0"],
    ):
        subprocess.run([*uv, *command], cwd=ROOT, env=environment, check=True)

    assert [path.name for path in (tmp_path / "env").rglob("thing-*")] == ["thing-1.0+cpu.dist-info"]


def write_wheel(folder: Path, release: str) -> None:
    info = f"thing-{release}.dist-info"
    with zipfile.ZipFile(folder / f"thing-{release}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: thing\nVersion: {release}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
