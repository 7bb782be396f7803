"""The audit of a dataset: anybody who has it can recompute its ids, licences and splits, and run its code.

In: a version (`hub.versions`): a built folder, or data that strangers published. Out: a `Report`.
Nothing in the data is imported. Its code runs only in the sandbox; without a sandbox there is no audit.
Checks that run no code cover every row; pairs and turns may be sampled. Each module holds one check.

Not covered: whether the reasoning in a reply is right, and whether a function does what its file was meant
for.
"""

import tempfile
from pathlib import Path

from builders.execution import Prover, Sandbox
from builders.execution.tiers import choose_tier
from builders.running.observer import Observer
from builders.running.run import Run
from builders.schema import TABLES
from hub.audit import ids, pairs, readme, rights, shipped, splits, turns, views
from hub.audit.case import Case
from hub.audit.expectations import expectations
from hub.audit.report import Finding, Report, rendered
from hub.audit.untrusted import Tables
from hub.versions import Version

__all__ = ["Finding", "Report", "audit", "rendered"]
CHECKS = (
    readme.check,
    shipped.check,
    ids.check,
    splits.check,
    rights.check,
    pairs.check,
    turns.check,
    views.check,
)


def audit(
    version: Version,
    sample: int | None = None,
    seed: int = 0,
    workers: int = 2,
    observer: Observer | None = None,
) -> Report:
    """Check a version of a dataset: recompute all that follows from other columns, and run its code again.

    Args:
        version: The dataset, as `hub.versions.open_version` opens it.
        sample: How many pairs, and how many turns, to run again; None runs all of them. The other checks
            cover every row in any case.
        seed: Chooses the sample: the same seed chooses the same rows of the same data.
        workers: Number of worker processes of the sandbox, and of the prover.
        observer: Follows the progress of each check; by default nothing is shown.

    Returns:
        A report of how many rows each check covered, what does not hold, and what could not be checked.

    Raises:
        SandboxUnavailable: If code cannot be run safely on this machine.

    Example:
        The table `raw_code` with one file, whose id is not the hash of its content:

        >>> from builders.schema import TABLES
        >>> from builders.tables.arrow import table
        >>> from builders.tables.folder import Folder
        >>> from hub.versions import open_version
        >>> file = {"code_id": "0" * 16, "content": "print(7)", "license": "mit"}
        >>> with tempfile.TemporaryDirectory() as root:
        ...     rows = table([file], TABLES["raw_code"].features)
        ...     Folder(Path(root)).write("raw_code", {"train": rows})
        ...     report = audit(open_version(root), workers=1)
        >>> report.holds, report.checked["ids"]
        (False, (1, 1))
        >>> [finding.detail for finding in report.findings if finding.check == "ids"]
        ['the hash of its content is 972f82471fa9087c']
    """
    with Sandbox(workers=workers) as sandbox:
        return audit_with(sandbox, version, sample, seed, observer)


def audit_with(
    sandbox: Sandbox,
    version: Version,
    sample: int | None = None,
    seed: int = 0,
    observer: Observer | None = None,
) -> Report:
    """Check a version as `audit` does, with the workers of a sandbox, which can check other versions too."""
    choose_tier()  # raises before anything is read
    expected, complaints = expectations(version.name, version.provenance)
    sandbox = sandbox.with_limits(expected.limits)
    with (
        tempfile.TemporaryDirectory(prefix="codeio-audit-") as scratch,
        observer or Observer() as observer,
    ):
        case = Case(
            folder=version.folder,
            expectations=expected,
            is_published=not (Run(version.folder.root).home / "run.json").exists(),
            sandbox=sandbox,
            prover=Prover.sharing(sandbox),
            observer=observer,
            sample=sample,
            seed=seed,
        )
        for complaint in complaints:
            case.add_finding("files", "", "provenance.json", complaint)
        n_files = sum(len(version.folder.files(config)) for config in TABLES)
        with case.checking("files", n_files) as advance:
            case.tables = Tables(version.folder, Path(scratch), case.add_finding, advance)
        for check in CHECKS:
            check(case)
    return Report(version.name, case.checked, case.findings, case.not_checked)
