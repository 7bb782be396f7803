"""The endpoints of the Hub's API, one module for each part; importing this package registers their routes."""

from . import accounts, cards, commits, downloads, files, models, pulls, refs, repositories, uploads

__all__ = [
    "accounts",
    "cards",
    "commits",
    "downloads",
    "files",
    "models",
    "pulls",
    "refs",
    "repositories",
    "uploads",
]
