"""A dataset checked by whoever has it: every id, licence and split, every pair and every verdict, again.

In: a version (`hub.versions`): a folder that was built, or published data of strangers. Out: a `Report`.
Nothing of it is imported; its code runs in the sandbox and nowhere else, and without one there is no audit.
Checks that run nothing are whole; pairs and turns may be sampled. One kind of check a module.

Not covered: whether the reasoning in a reply is right, and whether a function does what its file was meant
for.
"""

import tempfile
from pathlib import Path

from builders.execution import Prover, Sandbox
from builders.execution.tiers import choose
from builders.running.observer import Observer
from builders.running.run import Run
from builders.schema import TABLES
from hub.audit import ids, pairs, rights, shipped, splits, turns, views
from hub.audit import readme as files
from hub.audit.case import Case
from hub.audit.facts import facts
from hub.audit.report import Finding, Report, rendered
from hub.audit.untrusted import Tables
from hub.versions import Version

__all__ = ["Finding", "Report", "audit", "rendered"]
CHECKS = (
    files.check,
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
    """Check a version; `sample`: so many pairs and so many turns are run again, chosen by `seed`.

    Raises SandboxUnavailable where code cannot be run safely.
    """
    known, complaints = facts(version.name, version.provenance)
    choose()  # raises here, before anything is read
    with (
        Sandbox(known.limits, workers=workers) as sandbox,
        Prover(known.limits, workers=workers) as prover,
        tempfile.TemporaryDirectory(prefix="codeio-audit-") as scratch,
        observer or Observer() as observer,
    ):
        case = Case(
            folder=version.folder,
            facts=known,
            is_published=not (Run(version.folder.root).home / "run.json").exists(),
            sandbox=sandbox,
            prover=prover,
            observer=observer,
            sample=sample,
            seed=seed,
        )
        for complaint in complaints:
            case.found("files", "", "provenance.json", complaint)
        n_files = sum(len(version.folder.files(config)) for config in TABLES)
        with case.looking("files", n_files) as advance:
            case.tables = Tables(version.folder, Path(scratch), case.found, advance)
        for check in CHECKS:
            check(case)
    return Report(version.name, case.checked, case.findings, case.not_checked)
