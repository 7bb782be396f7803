"""A Hugging Face Hub on this machine, for tests with the real clients.

In: requests of huggingface_hub (1.31 to 2.x) and datasets (5.x) about datasets: repositories, commits, LFS,
listings, downloads, branches, tags, pull requests. Out: the Hub's answers with their status codes and
headers, faults on demand, and counts of the requests.

Clients run in processes of their own, with the environment that `LocalHub.environment` returns. The reason:
huggingface_hub and datasets read HF_ENDPOINT, the token and the caches when they are imported, and copy them
into constants, default arguments and caches of file systems. A conftest that set them would redirect the
whole session, even the tests that download real weights. Which constants to patch differs between versions,
and two versions of huggingface_hub cannot be in one process at all. `Client.run` calls a function in another
process; commands can use the same environment.

Not covered: models except their metadata, spaces, Xet, uploads in parts, buckets, the datasets server, gated
repositories, merging, and the Hub's limits on sizes and rates.
"""

from .accounts import ACCOUNTS, Account
from .client import Client, ClientFailed, ForkServer
from .hub import LocalHub

__all__ = ["ACCOUNTS", "Account", "Client", "ClientFailed", "ForkServer", "LocalHub"]
