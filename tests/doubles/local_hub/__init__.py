"""A Hugging Face Hub on this machine, for tests with the real clients.

In: requests of huggingface_hub (1.31 to 2.x) and datasets (5.x) for data sets: repositories, commits, LFS,
listings, downloads, branches, tags, pull requests. Out: what the Hub would answer, status codes and headers
included, plus faults on demand and counts of what came in.

Clients run in processes of their own, with the environment that `LocalHub.environment` gives: huggingface_hub
and datasets read HF_ENDPOINT, the token and the caches when they are imported, and copy them into constants,
default arguments and caches of file systems. A conftest that set them would send the whole session there,
also the tests that download real weights; the constants to patch are others in each version; and two versions
of huggingface_hub cannot be in one process at all. `Client.run` makes another process as easy as a call; the
same environment serves for commands.

Not covered: models but for their metadata, spaces, Xet, uploads in parts, buckets, the datasets server, gated
repositories, merging, and the Hub's limits on sizes and rates.
"""

from .accounts import ACCOUNTS, Account
from .client import Client, ClientFailed
from .hub import LocalHub

__all__ = ["ACCOUNTS", "Account", "Client", "ClientFailed", "LocalHub"]
