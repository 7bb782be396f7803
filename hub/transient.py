"""Errors of the Hub that pass by themselves, so that the same call may work a little later.

Tested in tests/hub/publish/test_upload.py.
"""

from huggingface_hub.errors import HfHubHTTPError

_PASSING = (408, 409, 412, 429, *range(500, 600))
_NETWORK = ("httpx", "httpx2", "httpcore", "requests", "urllib3")  # by the generation of huggingface_hub


def passes(error: BaseException) -> bool:
    """Whether an error is the network's, a busy Hub's, or that of somebody who committed at the same time."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _PASSING
    if isinstance(error, RuntimeError) and error.__cause__:  # how an upload fails
        return passes(error.__cause__)
    return isinstance(error, ConnectionError) or type(error).__module__.partition(".")[0] in _NETWORK
