"""Makes sglang's wheel from the package index run on CPU.

Python imports a module of this name at its start; with this folder on PYTHONPATH that holds for the server
and for every process it starts. Each of them is told at once to end with its parent: sglang does that too,
but seconds later, after its imports, and a server killed in between left orphans. Two more things have to
happen right before an import:

- torchvision (transformers imports it for its image processors): the wheel's operators are linked against
  CUDA and do not load beside a CPU build of torch, yet two of them are referred to while it is imported.
- sglang: it imports triton everywhere and runs none of it on CPU. Its own stand-in is put in place instead of
  900 MB of triton.

The third piece, sgl_kernel, lies beside this file.
"""

import ctypes
import importlib.abc
import importlib.machinery
import importlib.util
import platform
import signal
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from unittest import mock

PR_SET_PDEATHSIG = 1
KEPT: list[object] = []  # an operator is gone when its library is collected


class BeforeImport(importlib.abc.MetaPathFinder):
    """Finds no module itself; runs a preparation when a module is looked for for the first time.

    So torch is imported only in processes that need it, not by every interpreter that starts.
    """

    def __init__(self, preparations: dict[str, Callable[[], None]]) -> None:
        self.preparations = preparations

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Prepare for module `fullname`; the finders after this one find it."""
        prepare = self.preparations.pop(fullname, None)
        if prepare is not None:
            prepare()
        return None


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends.

    Not so Python's resource tracker: it ends by itself, after removing the semaphores of those killed.
    """
    if not any("resource_tracker" in argument for argument in sys.orig_argv):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def declare_torchvision_operators() -> None:
    """Declare the operators that torchvision refers to while it is imported, where it cannot do so itself."""
    import torch

    if torch.version.cuda is not None:
        return  # beside a CUDA build torchvision's own operators load, and may be declared once only
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    KEPT.append(library)


def load_sglang_file(name: str) -> ModuleType:
    """Return a module of sglang's top folder by its file; an import would run sglang/__init__.py first."""
    sglang = importlib.util.find_spec("sglang")
    if sglang is None or not sglang.submodule_search_locations:
        raise ModuleNotFoundError("sglang is not installed beside its shim")
    loader = importlib.machinery.SourceFileLoader(name, f"{sglang.submodule_search_locations[0]}/{name}.py")
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where its dataclasses look for it
    loader.exec_module(module)
    return module


def stand_in_for_triton() -> None:
    """Install sglang's stand-in for triton, unless there is a triton.

    sglang does it on Apple machines only, so for the duration of that call this is one. What it adds to
    `torch.mps` besides is not used on CPU.
    """
    if importlib.util.find_spec("triton") is not None:
        return
    import torch

    stubs = load_sglang_file("_platform_stubs")
    with (
        mock.patch.object(sys, "platform", "darwin"),
        mock.patch.object(platform, "machine", return_value="arm64"),
        mock.patch.object(torch.backends.mps, "is_available", return_value=True),
    ):
        stubs.install_platform_stubs()


die_with_parent()
sys.meta_path.insert(
    0, BeforeImport({"torchvision": declare_torchvision_operators, "sglang": stand_in_for_triton})
)
