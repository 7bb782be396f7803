"""Options that say how a build runs: output folder, servers, workers, prices. None of them decides a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from builders.options.option import Option, OptionError, declared, option
from builders.options.stages import STAGES, Options


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """The output folder and the last stage."""

    section: ClassVar[str] = ""
    out: Path | None = option(
        None, "Output folder; the same command continues a build that was stopped.", is_common=True
    )
    until: str = option(
        STAGES[-1], f"Last stage to run: {', '.join(STAGES)}.", choices=STAGES, is_common=True
    )


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """The sandbox processes, which run code."""

    section: ClassVar[str] = "sandbox"
    num_proc: int = option(2, "Number of sandbox workers.", min=1)


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """The source of answers: servers, a local sglang or an embedded model, at most one of the three."""

    section: ClassVar[str] = "servers"
    base_url: tuple[str, ...] = option(
        (), "URL of an OpenAI-compatible server, such as sglang; repeat it for more servers.", is_common=True
    )
    model: str | None = option(
        None, "Name of the model on the server; not needed if the server has only one.", is_common=True
    )
    embedded: str | None = option(
        None,
        "Run a model inside this process: qwen2.5-coder-0.5b, qwen2.5-coder-1.5b or a GGUF file.",
        metavar="MODEL",
        is_common=True,
    )
    sglang: str | None = option(
        None,
        "Start a local sglang server with this model: a folder or a Hub id.",
        metavar="MODEL",
        is_common=True,
    )
    sglang_python: Path | None = option(
        None,
        "Python interpreter of the environment that has sglang, if not this one.",
        envvar="CODEIO_SGLANG_PYTHON",
    )

    KINDS: ClassVar[tuple[str, ...]] = ("base_url", "sglang", "embedded")

    @property
    def n_kinds(self) -> int:
        """The number of kinds in `KINDS` that are given."""
        return sum(bool(getattr(self, name)) for name in self.KINDS)


@dataclass(frozen=True, kw_only=True)
class RequestOptions:
    """Limits of requests: how many at once, and how long to wait for them."""

    section: ClassVar[str] = "servers"
    concurrency: int = option(
        256, "Maximum number of requests in flight at a server; fewer if that is as fast.", min=1
    )
    timeout_s: float = option(
        1800.0, "Seconds to wait for a reply before the request is tried again.", flag="--timeout", min=1
    )
    patience_s: float = option(
        600.0, "Seconds to wait for a server to come back if all are down.", flag="--patience", min=0
    )


@dataclass(frozen=True, kw_only=True)
class PriceOptions:
    """The prices of tokens."""

    section: ClassVar[str] = "servers"
    price_in: float | None = option(None, "Price of a million prompt tokens, to show the cost.", min=0)
    price_out: float | None = option(None, "Price of a million answer tokens, to show the cost.", min=0)


@dataclass(frozen=True, kw_only=True)
class Recipe(Options, OutputOptions, WorkerOptions, ServerOptions, RequestOptions, PriceOptions):
    """All options of a build; a recipe file sets any of them."""

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> Self:
        """Check values and return them as a recipe. Raises OptionError, also if `source` is missing."""
        if "source" not in values:
            raise OptionError("source", "the recipe names no source")
        options = declared(Recipe)
        recipe = cls(**{name: options[name].checked(value) for name, value in values.items()})
        retry_limit = recipe.truncated_tokens
        if retry_limit is not None and retry_limit <= recipe.max_tokens:
            raise OptionError("truncated_tokens", "must exceed --max-tokens")
        return recipe


def sections() -> dict[str, list[Option]]:
    """Return all options by section: the whole build (""), the stages in order, then sandbox and servers."""
    options = declared(Recipe).values()
    names = ("", *STAGES, *(option.section for option in options))
    return {name: [option for option in options if option.section == name] for name in dict.fromkeys(names)}
