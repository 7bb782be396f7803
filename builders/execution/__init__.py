"""The sandbox, which runs untrusted code, and the prover, which shows that outputs follow from inputs."""

from builders.execution.job import Draw, Execution, Job, Limits
from builders.execution.pool import WorkerLost
from builders.execution.proof import Proof, Prover
from builders.execution.sandbox import Sandbox
from builders.execution.tiers import SandboxUnavailable

__all__ = [
    "Draw",
    "Execution",
    "Job",
    "Limits",
    "Proof",
    "Prover",
    "Sandbox",
    "SandboxUnavailable",
    "WorkerLost",
]
