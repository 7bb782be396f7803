"""Accounts and their rights; each token belongs to an account.

In: accounts by token. Out: whether an account may see or change the repositories of a namespace.
Not covered: tokens with finer rights than reading and writing, and gated repositories.
"""

from dataclasses import dataclass
from typing import Any

from .errors import Refused, bad_request, forbidden
from .history import Repository


@dataclass(frozen=True)
class Account:
    name: str
    role: str = "write"  # or "read"
    organizations: tuple[str, ...] = ()

    @property
    def namespaces(self) -> tuple[str, ...]:
        return (self.name, *self.organizations)

    def check_writing(self, namespace: str, action: str) -> None:
        """Raise Refused unless this account may write in the namespace; the message names the action."""
        if self.role != "write":
            raise forbidden(f"You must use a write token to {action}.")
        if namespace not in self.namespaces:
            raise forbidden(f'You don\'t have the rights to {action} under the namespace "{namespace}"')

    def as_json(self) -> dict[str, Any]:
        """Return the account as `whoami` describes it."""
        return {
            "type": "user",
            "id": self.name,
            "name": self.name,
            "fullname": self.name.capitalize(),
            "email": f"{self.name}@example.org",
            "isPro": False,
            "orgs": [{"type": "org", "name": name, "roleInOrg": "write"} for name in self.organizations],
            "auth": {
                "type": "access_token",
                "accessToken": {"displayName": "local", "role": self.role},
            },
        }


# The accounts of a `LocalHub` by default, by token.
ACCOUNTS = {
    "hf_ada": Account("ada", organizations=("lab",)),
    "hf_ada_reads": Account("ada", role="read", organizations=("lab",)),
    "hf_bob": Account("bob"),
}


def may_see(account: Account | None, repository: Repository) -> bool:
    return not repository.private or (account is not None and repository.owner in account.namespaces)


def authenticated(accounts: dict[str, Account], authorization: str | None) -> Account | None:
    """Return the account of an `Authorization` header, None without one; raise Refused if it is invalid."""
    if not authorization:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme != "Bearer":
        raise bad_request("Only tokens are understood: Authorization: Bearer ...")
    if token not in accounts:
        raise Refused(401, "Invalid credentials in Authorization header")
    return accounts[token]
