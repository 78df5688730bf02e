"""Optional packages: what brings them, and the command that installs them here."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import shlex
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

DISTRIBUTION = "lpsr"
NEWER_PYTHON = {"cpu": (3, 11), "gpu": (3, 11)}
"""Least version of Python for which an extra brings anything, where it is above that of LPSR."""


def install_command(extra: str) -> str:
    """Return the command that adds an extra to this installation.

    It names the checkout that LPSR runs from or was installed from, the repository of an installation from version
    control, and otherwise the package's name in an index.
    """
    checkout = Path(__file__).resolve().parent.parent
    if _is_checkout(checkout):
        return f"pip install -e {shlex.quote(f'{checkout}[{extra}]')}"
    where = _direct_url()
    folder = _folder(where)
    if folder is not None and _is_checkout(folder):
        return f"pip install {shlex.quote(f'{folder}[{extra}]')}"
    url, control = where.get("url"), where.get("vcs_info")
    if isinstance(url, str) and isinstance(control, dict):
        return f"pip install '{DISTRIBUTION}[{extra}] @ {control.get('vcs', 'git')}+{url}'"
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def is_installed(module: str) -> bool:
    """Return whether a package can be imported, without importing it.

    Args:
        module: top-level name, such as `onnx`.
    """
    if module in sys.modules:
        return sys.modules[module] is not None
    return importlib.util.find_spec(module) is not None


def _is_checkout(folder: Path) -> bool:
    return (folder / "pyproject.toml").is_file() and (folder / "lpsr_core").is_dir()


def _direct_url() -> dict[str, object]:
    """Return where the installed distribution came from (PEP 610); empty for an index."""
    try:
        text = importlib.metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
        values = json.loads(text) if text else {}
    except (importlib.metadata.PackageNotFoundError, OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _folder(where: dict[str, object]) -> Path | None:
    url = where.get("url")
    if not isinstance(url, str) or urlsplit(url).scheme != "file" or "dir_info" not in where:
        return None
    return Path(url2pathname(urlsplit(url).path))
