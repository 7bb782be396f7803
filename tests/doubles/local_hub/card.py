"""The metadata of a dataset card (YAML at the start of a README.md), and the Hub's errors about it.

In: the text. Out: the metadata, or errors and warnings in the Hub's form.
Not covered: most fields; only licence names and the shape of `configs` are checked.
"""

import json
import re
from typing import Any

import yaml  # type: ignore[import-untyped]

_FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
# Identifiers from the Hub's documentation.
LICENSES = {
    *("afl-3.0", "agpl-3.0", "apache-2.0", "artistic-2.0", "bigcode-openrail-m"),
    *("bigscience-bloom-rail-1.0", "bigscience-openrail-m", "bsd", "bsd-2-clause", "bsd-3-clause"),
    *("bsd-3-clause-clear", "bsl-1.0", "c-uda", "cc", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0"),
    *("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0"),
    *("cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-sa-3.0"),
    *("cc-by-sa-4.0", "cc0-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0"),
    *("creativeml-openrail-m", "deepfloyd-if-license", "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0"),
    *("eupl-1.1", "gemma", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "isc", "lgpl", "lgpl-2.1", "lgpl-3.0"),
    *("lgpl-lr", "llama2", "lppl-1.3c", "mit", "mpl-2.0", "ms-pl", "ncsa", "odbl", "odc-by", "ofl-1.1"),
    *("openrail", "openrail++", "osl-3.0", "other", "pddl", "postgresql", "unknown", "unlicense"),
    *("wtfpl", "zlib"),
}


def metadata(text: str) -> dict[str, Any] | None:
    """Return the metadata as JSON values; None if there is none, or if it cannot be read."""
    try:
        value = _parsed(text)
    except InvalidYaml:
        return None
    as_json = json.loads(json.dumps(value, default=str, skipkeys=True))  # the Hub returns dates as strings
    return as_json if isinstance(as_json, dict) else None


def errors_and_warnings(text: str) -> tuple[list[str], list[str]]:
    """Return errors and warnings about the metadata of a card."""
    try:
        value = _parsed(text)
    except InvalidYaml as error:
        return [str(error)], []
    if value is None:
        return [], ["empty or missing yaml metadata in repo card"]
    if not isinstance(value, dict):
        return ["the metadata must be a mapping"], []
    return [*_license_errors(value.get("license")), *_config_errors(value.get("configs"))], []


class InvalidYaml(Exception):
    """An error that says why metadata is not YAML."""


def _parsed(text: str) -> Any:
    front_matter = _FRONT_MATTER.match(text)
    try:
        return yaml.safe_load(front_matter[1]) if front_matter else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: an invalid date
        raise InvalidYaml(str(error)) from error


def _license_errors(license: Any) -> list[str]:
    names = license if isinstance(license, list) else [] if license is None else [license]
    return [
        f'"license" must be one of the Hub\'s licenses, not {name!r}'
        for name in names
        if not isinstance(name, str) or name not in LICENSES
    ]


def _config_errors(configs: Any) -> list[str]:
    if configs is None:
        return []
    if not isinstance(configs, list):
        return ['"configs" must be an array']
    return [
        f'"configs[{number}].config_name" is required'
        for number, config in enumerate(configs)
        if not isinstance(config, dict) or not isinstance(config.get("config_name"), str)
    ]
