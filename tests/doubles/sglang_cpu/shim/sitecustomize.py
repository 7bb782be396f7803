"""A shim with which sglang's wheel from the package index runs on CPU.

Python imports a module of this name when it starts; with this folder on PYTHONPATH, so do the server and
every process that it starts. Each of them first asks the kernel to kill it when its parent ends. sglang does
that too, but seconds later, after its imports, and a server killed in between would leave orphans. Two more
things must happen right before an import:

- torchvision (transformers imports it for its image processors): the wheel's operators are linked against
  CUDA and do not load beside a CPU build of torch, but two of them are referred to during the import.
- sglang: it imports triton everywhere but runs none of it on CPU. sglang's own stand-in is installed instead
  of 900 MB of triton.

The third part, sgl_kernel, lies beside this file.
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
LIBRARIES: list[object] = []  # kept, because operators disappear when their library is garbage-collected


class BeforeImport(importlib.abc.MetaPathFinder):
    """A finder that finds no module, but runs a function just before a module is first imported.

    This way torch is imported only in processes that need it, not by every interpreter that starts.
    """

    def __init__(self, preparations: dict[str, Callable[[], None]]) -> None:
        self.preparations = preparations

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Run the preparation for module `fullname`, if any; return None, so that other finders find it."""
        prepare = self.preparations.pop(fullname, None)
        if prepare is not None:
            prepare()
        return None


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends.

    Python's resource tracker is an exception: it removes the semaphores of killed processes and then ends.
    """
    if not any("resource_tracker" in argument for argument in sys.orig_argv):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def declare_torchvision_operators() -> None:
    """Declare the operators that torchvision refers to during its import, if it cannot load its own."""
    import torch

    if torch.version.cuda is not None:
        return  # with a CUDA build torchvision loads its own, and a second declaration is an error
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    LIBRARIES.append(library)


def load_sglang_file(name: str) -> ModuleType:
    """Load a module of sglang's top folder from its file; an import would run sglang/__init__.py first."""
    sglang = importlib.util.find_spec("sglang")
    if sglang is None or not sglang.submodule_search_locations:
        raise ModuleNotFoundError("sglang is not installed beside its shim")
    loader = importlib.machinery.SourceFileLoader(name, f"{sglang.submodule_search_locations[0]}/{name}.py")
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    loader.exec_module(module)
    return module


def stand_in_for_triton() -> None:
    """Install sglang's stand-in for triton, unless triton is installed.

    sglang does this only on Apple machines, so during that call this machine pretends to be one. The call
    also changes `torch.mps`, which is not used on CPU.
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
