"""Connecting to an OpenAI-compatible server: find it, check it, and name the weights it serves.

In: an address and perhaps a model's name. Out: a `Server` whose `identity` names the weights for request
fingerprints and tables, without addresses, aliases or local paths. API keys are read from the environment
(CODEIO_API_KEY, else OPENAI_API_KEY) for each request and are stored nowhere.
Not covered: starting a server (`sglang`, `embedded`).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from builders.inference.answers import Answer, parsed
from builders.inference.errors import InferenceError, KeyRefused, NotCompatible, ServerDown, WrongModel
from builders.inference.servers.identity import reported_identity
from builders.inference.servers.load import PATH as LOAD_PATH
from builders.inference.servers.load import read_load
from builders.inference.transport import Broken, Reply, on_this_machine, read_page

PROBE_TIMEOUT_S = 15
MIN_SECRET_CHARS = 12
_PATHS = ("/chat/completions", "/completions", "/models")
_ReadPage = Callable[[str], Reply]
"""A function that reads a page of a server; it raises Broken."""


@dataclass(frozen=True)
class Server:
    """A model server: its address, the name of the model there, and the identity of its weights.

    `base_url` ends before /chat/completions. `api_key` is None if the key comes from the environment.

    Example:
        >>> server = Server("http://127.0.0.1:30000/v1", "qwen", "Qwen/Qwen2.5-7B-Instruct", "sk-123")
        >>> server.headers()
        {'Authorization': 'Bearer sk-123'}
        >>> server
        Server(base_url='http://127.0.0.1:30000/v1', model='qwen', identity='Qwen/Qwen2.5-7B-Instruct', ...)
    """

    base_url: str
    model: str
    identity: str
    api_key: str | None = field(default=None, repr=False)
    engine: str = ""
    """"sglang" if the server reports itself as sglang, whose extensions are then used; else empty."""
    reports_identity: bool = True
    """Whether the identity is the one that the server reports; the embedded engine's is its file's digest."""
    n_cache_tokens: int = 0
    """Prefix cache capacity in tokens of an sglang server that reports its load; else 0."""
    samples_at_once: bool = True
    """Whether one request may ask for several samples (`n`); a server that ignores `n` is detected later."""

    def key(self) -> str | None:
        """Return the API key, or the one in the environment; raises KeyRefused if no header can carry it."""
        raw_key = self.api_key or os.environ.get("CODEIO_API_KEY") or os.environ.get("OPENAI_API_KEY") or ""
        key = raw_key.strip()  # a key read from a file ends in a newline
        if not (key.isascii() and key.isprintable()):
            raise KeyRefused("The API key has characters that cannot be sent: set CODEIO_API_KEY again.")
        return key or None

    def headers(self) -> dict[str, str]:
        """Return the HTTP headers for every request to this server."""
        key = self.key()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def masked(self, text: str) -> str:
        """Return an error text of the server or the connection, with the API key masked as `***`."""
        key = self.key()
        return text.replace(key, "***") if key else text

    def without_key(self, answer: Answer) -> Answer:
        """Return the answer with the key masked; a key as short as a word ("EMPTY") is not a secret."""
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
    """Connect to the OpenAI-compatible server at an address and identify the model it serves.

    Args:
        base_url: The address, with or without `http://`, `/v1` or an endpoint path such as
            `/v1/chat/completions`.
        model: The name of the model; needed only if the server serves more than one.
        api_key: The API key; by default CODEIO_API_KEY, else OPENAI_API_KEY, read for each request.
        timeout_s: The longest wait for one page of the server, in seconds.

    Returns:
        The server. Its identity is the weights' digest if they lie on this machine, else what sglang
        (`model_path`, with its revision) or vLLM (`root`) reports, else the model's name.

    Raises:
        ServerDown: Nothing answers at the address, the server is not ready, or it is not an address.
        KeyRefused: The server rejects the API key, no header can carry it, or the address contains one.
        NotCompatible: The server has no model list.
        WrongModel: The server does not serve `model`, or serves several and `model` is None.

    Example:
        >>> connect("http://127.0.0.1:30000").identity  # doctest: +SKIP
        'Qwen/Qwen2.5-Coder-7B-Instruct'
        >>> connect("ftp://127.0.0.1:30000")
        Traceback (most recent call last):
        builders.inference.errors.ServerDown: 'ftp://127.0.0.1:30000' is not an address: ...
    """
    url = _normalised(base_url)
    headers = Server(url, model or "", "", api_key).headers()
    read = partial(read_page, headers=headers, timeout_s=timeout_s)
    for candidate in [url] if url.endswith("/v1") else [f"{url}/v1", url]:
        entries = _model_entries(read, candidate)
        if entries is not None:
            return _server(read, candidate, _chosen_entry(entries, model, candidate), api_key)
    raise NotCompatible(
        f"{url} is not an OpenAI-compatible server (it has no model list): give the address of one, such as"
        " http://127.0.0.1:30000 for sglang."
    )


def changed(server: Server, timeout_s: float = PROBE_TIMEOUT_S) -> str | None:
    """Return what has changed at the server, or None if it still serves the same weights.

    Raises ServerDown if it does not answer.
    """
    try:
        current = connect(server.base_url, server.model, server.api_key, timeout_s)
    except ServerDown:
        raise
    except InferenceError as error:
        return str(error)
    if server.reports_identity and current.identity != server.identity:
        return f"it now serves {current.identity}, not {server.identity}"
    return None


def _normalised(base_url: str) -> str:
    url = base_url.strip()
    if "@" in url:  # checked first, since later errors repeat the address
        raise KeyRefused(
            "The server's address contains a user or a key before an @: put the key into CODEIO_API_KEY."
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


def _model_entries(read: _ReadPage, url: str) -> list[dict[str, Any]] | None:
    """Return the entries of the model list at `url`, or None if it has no model list."""
    try:
        reply = read(f"{url}/models")
    except Broken as broken:
        advice = "start it, give another --base-url, or use --embedded"
        if broken.kind == "timeout":
            advice = "wait until it is ready, or give another --base-url"
        raise ServerDown(f"No server answers at {url}: {broken}; {advice}.") from None
    if reply.status in (401, 403):
        raise KeyRefused(f"The server at {url} rejects the API key: set CODEIO_API_KEY to a valid one.")
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


def _chosen_entry(entries: list[dict[str, Any]], model: str | None, url: str) -> dict[str, Any]:
    names = [entry["id"] for entry in entries]
    served = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "") if names else "no model at all"
    if model is not None:
        if model in names:
            return entries[names.index(model)]
        raise WrongModel(
            f"The server at {url} serves {served}, not {model}: choose one that it serves with --model."
        )
    if len(entries) == 1:
        return entries[0]
    raise WrongModel(f"The server at {url} serves {served}: name the one to use with --model.")


def _server(read: _ReadPage, url: str, entry: dict[str, Any], api_key: str | None) -> Server:
    """Return the server, identified by sglang's `model_path`, else vLLM's `root`, else the model's name."""
    origin, is_local = url.removesuffix("/v1"), on_this_machine(url)
    model_path = _first_object(read, origin, ("model_info", "get_model_info")).get("model_path")
    if isinstance(model_path, str) and model_path:
        settings = _first_object(read, origin, ("server_info", "get_server_info"))
        revision = settings.get("revision")
        identity = reported_identity(
            model_path, revision if isinstance(revision, str) and revision else None, is_local
        )
        # In this mode sglang draws all samples of a request with the same seed, so they would be identical.
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
    identity = reported_identity(root if isinstance(root, str) and root else entry["id"], None, is_local)
    return Server(url, entry["id"], identity, api_key)


def _cache_tokens(read: _ReadPage, origin: str) -> int:
    """Return the prefix cache capacity in tokens; 0 if the server does not report it."""
    try:
        load = read_load(read(f"{origin}/{LOAD_PATH}").body)
    except Broken:
        return 0
    return load.n_cache_tokens if load else 0


def _first_object(read: _ReadPage, origin: str, paths: tuple[str, ...]) -> dict[str, Any]:
    """Return the JSON object at the first of `paths` that has one; empty if none has."""
    for path in paths:
        try:
            reply = read(f"{origin}/{path}")
            page = parsed(reply.body)
        except (Broken, ValueError):
            continue
        if reply.is_success and isinstance(page, dict):
            return page
    return {}
