"""A contract for import-linter, used in pyproject.toml: modules that need only the standard library.

import-linter forbids packages by name. This contract forbids every package that does not come with Python, so
nobody has to maintain a list. It follows all imports, at any place in a module, and the imports of the
packages around a module, because their `__init__` runs first.
"""

import sys
from collections import deque
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.domain.helpers import module_expressions_to_modules
from importlinter.domain.imports import ModuleExpression


class StandardLibraryContract(Contract):
    """A contract: `modules`, and all modules in them, need only the project and the standard library."""

    type_name = "standard_library"
    modules = fields.SetField(subfield=fields.ModuleExpressionField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Return the result, with a chain of imports to every foreign package."""
        expressions = cast(set[ModuleExpression], self.modules)
        roots = module_expressions_to_modules(graph, expressions, as_packages=True, raise_if_unmatched=True)
        chains = _chains(graph, sorted(root.name for root in roots))
        foreign = [chain for name, chain in sorted(chains.items()) if _is_foreign(graph, name)]
        return ContractCheck(kept=not foreign, metadata={"chains": foreign})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print the chain of imports to each foreign package."""
        for chain in check.metadata["chains"]:
            output.print_error(f"- {' -> '.join(chain)}", bold=False)


def _chains(graph: ImportGraph, roots: list[str]) -> dict[str, list[str]]:
    """Return for each module that `roots` need a shortest chain of imports that leads to it."""
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
    """Return the modules that a module imports, and the package that it is in."""
    package = module.rpartition(".")[0]
    imported = set() if graph.is_module_squashed(module) else graph.find_modules_directly_imported_by(module)
    return sorted(imported | ({package} if package else set()))


def _is_foreign(graph: ImportGraph, name: str) -> bool:
    """Return whether a package comes from another distribution: then the graph has none of its modules."""
    return graph.is_module_squashed(name) and name not in sys.stdlib_module_names
