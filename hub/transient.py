"""Transient errors of the Hub: the same call may work a little later.

Tested in tests/hub/publish/test_upload.py.
"""

from huggingface_hub.errors import HfHubHTTPError

_PASSING = (408, 409, 412, 429, *range(500, 600))
_NETWORK = ("httpx", "httpx2", "httpcore", "requests", "urllib3")  # depends on huggingface_hub's version


def is_transient(error: BaseException) -> bool:
    """Return whether the cause is the network, a busy Hub, or somebody else's commit at the same time."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _PASSING
    if isinstance(error, RuntimeError) and error.__cause__:  # a failed upload is raised like this
        return is_transient(error.__cause__)
    return isinstance(error, ConnectionError) or type(error).__module__.partition(".")[0] in _NETWORK
