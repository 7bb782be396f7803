"""How a build is run: where its rows go, who answers, with how many workers. None of it decides a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from builders.options.option import Option, OptionError, declared, option
from builders.options.stages import STAGES, Options


@dataclass(frozen=True, kw_only=True)
class Running:
    """The folder to write, the last stage, and the workers."""

    section: ClassVar[str] = ""
    out: Path | None = option(
        None, "Folder to write; the same command goes on where it stopped.", is_common=True
    )
    until: str = option(
        STAGES[-1], f"Last stage to run: {', '.join(STAGES)}.", choices=STAGES, is_common=True
    )


@dataclass(frozen=True, kw_only=True)
class Workers:
    """The processes that run code."""

    section: ClassVar[str] = "sandbox"
    num_proc: int = option(2, "Sandbox workers.", min=1)


@dataclass(frozen=True, kw_only=True)
class Serving:
    """Where answers come from: servers, an sglang or an embedded model, at most one of the three."""

    section: ClassVar[str] = "servers"
    base_url: tuple[str, ...] = option(
        (), "An OpenAI-compatible server, such as sglang; may be given more than once.", is_common=True
    )
    model: str | None = option(
        None, "The model on that server; may be left out where it serves one.", is_common=True
    )
    embedded: str | None = option(
        None,
        "Run a model in this process: qwen2.5-coder-0.5b, qwen2.5-coder-1.5b or a GGUF file.",
        metavar="MODEL",
        is_common=True,
    )
    sglang: str | None = option(
        None, "Start a local sglang with this folder or Hub id.", metavar="MODEL", is_common=True
    )
    sglang_python: Path | None = option(
        None,
        "Interpreter of an environment with sglang, if not this one.",
        envvar="CODEIO_SGLANG_PYTHON",
    )

    KINDS: ClassVar[tuple[str, ...]] = ("base_url", "sglang", "embedded")

    @property
    def n_kinds(self) -> int:
        """How many of the three are given."""
        return sum(bool(getattr(self, name)) for name in self.KINDS)


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How servers are asked."""

    section: ClassVar[str] = "servers"
    concurrency: int = option(256, "Most requests in flight at a server; what it bears is found out.", min=1)
    timeout_s: float = option(1800.0, "Seconds until a request is tried again.", flag="--timeout", min=1)
    patience_s: float = option(600.0, "Seconds to wait when all servers are gone.", flag="--patience", min=0)


@dataclass(frozen=True, kw_only=True)
class Pricing:
    """What the servers cost."""

    section: ClassVar[str] = "servers"
    price_in: float | None = option(None, "Price of a million prompt tokens, to tell the cost.", min=0)
    price_out: float | None = option(None, "Price of a million answer tokens.", min=0)


@dataclass(frozen=True, kw_only=True)
class Recipe(Options, Running, Workers, Serving, Asking, Pricing):
    """All that a build is told; a recipe file holds any part of it."""

    @classmethod
    def of(cls, values: Mapping[str, object]) -> Self:
        """Check values and put them together; raises OptionError."""
        if "source" not in values:
            raise OptionError("source", "the recipe names no source")
        known = declared(Recipe)
        recipe = cls(**{name: known[name].checked(value) for name, value in values.items()})
        longer = recipe.truncated_tokens
        if longer is not None and longer <= recipe.max_tokens:
            raise OptionError("truncated_tokens", "is not above --max-tokens")
        return recipe


def sections() -> dict[str, list[Option]]:
    """Return all options by section: the whole run (""), the stages in their order, then what they use."""
    options = declared(Recipe).values()
    names = ("", *STAGES, *(one.section for one in options))
    return {name: [one for one in options if one.section == name] for name in dict.fromkeys(names)}
