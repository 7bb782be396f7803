"""A server that speaks the OpenAI protocol (sglang first), found, checked and named.

In: an address and perhaps a model's name. Out: a `Server` whose `identity` says which weights answer, for
fingerprints and tables, free of addresses, aliases and local paths. Keys come from the environment
(CODEIO_API_KEY, else OPENAI_API_KEY) at the moment of asking and are stored nowhere.
Not covered: starting a server.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from builders.inference.answers import Answer, parsed
from builders.inference.errors import InferenceError, KeyRefused, NotCompatible, ServerDown, WrongModel
from builders.inference.servers.identity import told_identity
from builders.inference.servers.load import PATH as LOAD_PATH
from builders.inference.servers.load import read_load
from builders.inference.transport import Broken, Reply, on_this_machine, read_page

PROBE_TIMEOUT_S = 15
MIN_SECRET_CHARS = 12
_PATHS = ("/chat/completions", "/completions", "/models")
_Read = Callable[[str], Reply]
"""What reads a page of a server; raises Broken."""


@dataclass(frozen=True)
class Server:
    """Where to ask (`base_url` ends before /chat/completions), under which name, and who answers."""

    base_url: str
    model: str
    identity: str
    api_key: str | None = field(default=None, repr=False)
    engine: str = ""
    """"sglang" where it says so: then its extras are used."""
    is_told: bool = True
    """Whether the identity is the server's own word; the embedded engine's is that of its file."""
    n_cache_tokens: int = 0
    """How many tokens the cache of an sglang server holds that tells its load."""
    samples_at_once: bool = True
    """Whether one request may ask for several samples (`n`); a server without it is found out."""

    def key(self) -> str | None:
        """The key to send: the one given, else the environment's; raises KeyRefused if it cannot be sent."""
        given = self.api_key or os.environ.get("CODEIO_API_KEY") or os.environ.get("OPENAI_API_KEY") or ""
        key = given.strip()  # read from a file, it ends in a newline
        if not (key.isascii() and key.isprintable()):
            raise KeyRefused("The API key has characters that cannot be sent: set CODEIO_API_KEY to it anew.")
        return key or None

    def headers(self) -> dict[str, str]:
        """The headers of every request to this server."""
        key = self.key()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def masked(self, text: str) -> str:
        """Words of the server or of the connection, without the key that they may repeat."""
        key = self.key()
        return text.replace(key, "***") if key else text

    def without_key(self, answer: Answer) -> Answer:
        """An answer that does not repeat the key; one as short as a word ("EMPTY") is no secret."""
        key = self.key()
        if not key or len(key) < MIN_SECRET_CHARS or key not in answer.text + answer.reasoning:
            return answer
        return replace(answer, text=self.masked(answer.text), reasoning=self.masked(answer.reasoning))


def connect(
    base_url: str,
    model: str | None = None,
    api_key: str | None = None,
    timeout_s: float = PROBE_TIMEOUT_S,
) -> Server:
    """Finds the server at `base_url` (with or without /v1) and the model it serves.

    Raises ServerDown, KeyRefused, NotCompatible or WrongModel, each a sentence for the user.
    """
    url = _normalised(base_url)
    headers = Server(url, model or "", "", api_key).headers()
    read = partial(read_page, headers=headers, timeout_s=timeout_s)
    for candidate in [url] if url.endswith("/v1") else [f"{url}/v1", url]:
        listed = _models(read, candidate)
        if listed is not None:
            return _described(read, candidate, _chosen(listed, model, candidate), api_key)
    raise NotCompatible(
        f"What answers at {url} is not an OpenAI-compatible server (it has no model list): give the address"
        " of one, such as http://127.0.0.1:30000 for sglang."
    )


def changed(server: Server, timeout_s: float = PROBE_TIMEOUT_S) -> str | None:
    """None while the same weights answer there as before, else what is wrong now; raises ServerDown."""
    try:
        found = connect(server.base_url, server.model, server.api_key, timeout_s)
    except ServerDown:
        raise
    except InferenceError as error:
        return str(error)
    if server.is_told and found.identity != server.identity:
        return f"it serves {found.identity} now, not {server.identity}"
    return None


def _normalised(base_url: str) -> str:
    url = base_url.strip()
    if "@" in url:  # looked for before anything could repeat the address
        raise KeyRefused(
            "The server's address holds a user or a key before an @: put it into CODEIO_API_KEY."
        )
    if "://" not in url:
        url = f"http://{url}"
    try:
        address = urlsplit(url)
        _ = address.port
    except ValueError as error:
        raise ServerDown(
            f"{base_url!r} is not an address ({error}): give one like http://host:port."
        ) from None
    if not address.hostname or address.scheme not in ("http", "https"):
        raise ServerDown(f"{base_url!r} is not an address: give one like http://host:port.")
    url = url.rstrip("/")
    for path in _PATHS:
        url = url.removesuffix(path)
    return url


def _models(read: _Read, url: str) -> list[dict[str, Any]] | None:
    """The entries of the model list at `url`, or None where there is no such list."""
    try:
        reply = read(f"{url}/models")
    except Broken as broken:
        way_out = "start it, give another --base-url, or use --embedded"
        if broken.kind == "timeout":
            way_out = "wait until it is ready, or give another --base-url"
        raise ServerDown(f"No server answers at {url}: {broken}; {way_out}.") from None
    if reply.status in (401, 403):
        raise KeyRefused(f"The server at {url} refuses the key: set CODEIO_API_KEY to one that it takes.")
    if reply.status == 429 or reply.status >= 500:
        raise ServerDown(
            f"The server at {url} answers HTTP {reply.status}: wait until it is ready and run again."
        )
    try:
        body = parsed(reply.body)
    except ValueError:
        return None
    entries = body.get("data") if reply.is_success and isinstance(body, dict) else None
    if not isinstance(entries, list):
        return None
    return [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]


def _chosen(entries: list[dict[str, Any]], model: str | None, url: str) -> dict[str, Any]:
    names = [entry["id"] for entry in entries]
    served = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "") if names else "no model at all"
    if model is not None:
        if model in names:
            return entries[names.index(model)]
        raise WrongModel(
            f"The server at {url} serves {served}, not {model}: give --model one that it serves."
        )
    if len(entries) == 1:
        return entries[0]
    raise WrongModel(f"The server at {url} serves {served}: name the one to use with --model.")


def _described(read: _Read, url: str, entry: dict[str, Any], api_key: str | None) -> Server:
    """Who answers: sglang's own word about its weights, else vLLM's `root`, else the model's name."""
    origin, here = url.removesuffix("/v1"), on_this_machine(url)
    told = _reported(read, origin, ("model_info", "get_model_info")).get("model_path")
    if isinstance(told, str) and told:
        settings = _reported(read, origin, ("server_info", "get_server_info"))
        revision = settings.get("revision")
        identity = told_identity(told, revision if isinstance(revision, str) and revision else None, here)
        # In this mode sglang draws all samples of a request under its one seed: they would be the same.
        samples_at_once = not settings.get("enable_deterministic_inference")
        return Server(
            base_url=url,
            model=entry["id"],
            identity=identity,
            api_key=api_key,
            engine="sglang",
            n_cache_tokens=_cache_tokens(read, origin),
            samples_at_once=samples_at_once,
        )
    root = entry.get("root")
    identity = told_identity(root if isinstance(root, str) and root else entry["id"], None, here)
    return Server(url, entry["id"], identity, api_key)


def _cache_tokens(read: _Read, origin: str) -> int:
    try:
        load = read_load(read(f"{origin}/{LOAD_PATH}").body)
    except Broken:
        return 0
    return load.n_cache_tokens if load else 0


def _reported(read: _Read, origin: str, paths: tuple[str, ...]) -> dict[str, Any]:
    for path in paths:
        try:
            reply = read(f"{origin}/{path}")
            found = parsed(reply.body)
        except (Broken, ValueError):
            continue
        if reply.is_success and isinstance(found, dict):
            return found
    return {}
