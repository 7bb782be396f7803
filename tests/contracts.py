"""A contract of import-linter that pyproject.toml uses: modules that stand on the standard library.

import-linter forbids packages by name. This contract forbids every package that Python does not bring, so
that no list of them is kept. It follows all imports, wherever in a module they stand, and those of the
packages that a module lies in, because their `__init__` runs first.
"""

import sys
from collections import deque
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.domain.helpers import module_expressions_to_modules
from importlinter.domain.imports import ModuleExpression


class StandardLibraryContract(Contract):
    """`modules`, and all that lies in them, need nothing besides the project and the standard library."""

    type_name = "standard_library"
    modules = fields.SetField(subfield=fields.ModuleExpressionField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Follow all imports to packages from elsewhere."""
        expressions = cast(set[ModuleExpression], self.modules)
        roots = module_expressions_to_modules(graph, expressions, as_packages=True, raise_if_unmatched=True)
        chains = _chains(graph, sorted(root.name for root in roots))
        foreign = [chain for name, chain in sorted(chains.items()) if _is_foreign(graph, name)]
        return ContractCheck(kept=not foreign, metadata={"chains": foreign})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print how each of these packages is reached."""
        for chain in check.metadata["chains"]:
            output.print_error(f"- {' -> '.join(chain)}", bold=False)


def _chains(graph: ImportGraph, roots: list[str]) -> dict[str, list[str]]:
    """Return for each module that `roots` need a shortest chain of modules that leads there."""
    chains = {root: [root] for root in roots}
    waiting = deque(roots)
    while waiting:
        module = waiting.popleft()
        for name in _needed(graph, module):
            if name not in chains:
                chains[name] = [*chains[module], name]
                waiting.append(name)
    return chains


def _needed(graph: ImportGraph, module: str) -> list[str]:
    package = module.rpartition(".")[0]
    imported = set() if graph.is_module_squashed(module) else graph.find_modules_directly_imported_by(module)
    return sorted(imported | ({package} if package else set()))


def _is_foreign(graph: ImportGraph, name: str) -> bool:
    """Return whether another distribution brings a package: its inside is not in the graph."""
    return graph.is_module_squashed(name) and name not in sys.stdlib_module_names
