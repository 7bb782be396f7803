"""Workers that start otherwise than they should: with a few lines of Python before they serve."""

from builders.execution import interpreter


def boot_with(lines: str) -> str:
    """What a worker runs first, to be put in the place of `interpreter._BOOT`."""
    return interpreter._BOOT.replace("main(config)", f"{lines}main(config)")
