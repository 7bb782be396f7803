"""What the Hub's API answers, one module for each part of it; importing this makes their routes known."""

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
