"""Folders of graphs and engines: the released ones, which nothing writes to, the user's own, and caches.

A name is looked up among the released models first, so that a file of the user's can never pass for a released model.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

from lpsr_core.cards import PRECISIONS, Precision, Role, graph_name, released_folder
from lpsr_core.errors import UsageError

VARIABLE = "LPSR_MODELS"


def user_folder() -> Path:
    """Return the folder that `lpsr-export` writes to: `LPSR_MODELS`, or the user's data folder of this system."""
    named = os.environ.get(VARIABLE, "")
    return Path(named).expanduser() if named else user_data_path("lpsr", appauthor=False)


def cache_folder(kind: str) -> Path:
    """Return the folder of what is made once and kept, such as `plugins`: in the user's cache folder of this system."""
    return user_cache_path("lpsr", appauthor=False) / kind


def search_path() -> tuple[Path, ...]:
    """Return the folders in which names of models are looked up, in this order."""
    return (released_folder(), user_folder())


def find_graph(name: str, role: Role, precision: Precision = "fp32") -> Path | None:
    """Return the file of a named graph, or None when no folder holds it."""
    paths = (folder / graph_name(name, role, precision) for folder in search_path())
    return next((path for path in paths if path.is_file()), None)


def folder_of(name: str) -> Path:
    """Return the folder that holds the FP32 graphs of a name; the user's when neither does."""
    graph = find_graph(name, "reader") or find_graph(name, "generator") or find_graph(name, "locator")
    return user_folder() if graph is None else graph.parent


def named_graphs(role: Role, folder: Path | None = None) -> Iterator[tuple[str, Precision]]:
    """Yield name and precision of each graph of a role.

    Args:
        role: of the graphs.
        folder: the only one to look in; `search_path()` when None.
    """
    for place in search_path() if folder is None else (folder,):
        for path in sorted(place.glob("*.onnx")):
            for precision in PRECISIONS:
                name = path.name.removesuffix(graph_name("", role, precision))
                if name and name != path.name:
                    yield name, precision


def output_folder(given: Path | None = None) -> Path:
    """Return the folder that a command writes graphs or engines to.

    Args:
        given: by the user; the user's folder when None.

    Raises:
        UsageError: it holds the released models, which are never replaced.
    """
    folder = user_folder() if given is None else given
    if folder.resolve() == released_folder().resolve():
        raise UsageError(
            f"{folder}: holds the released models, which are not replaced; give another folder, such as {user_folder()}"
        )
    return folder


def own_name(name: str, roles: tuple[Role, ...], out: Path) -> str:
    """Return the name of a user's own models, after checking that files can have it and that they are found by it.

    Args:
        name: of the models.
        roles: that will be written.
        out: folder to write to.

    Raises:
        UsageError: it is a path, or begins with a dot, which hides files; or the user's folder would hold a model by
            the name of a released one, which would never be found.
    """
    if not name.strip() or name.startswith(".") or set(name) & set("/\\\0"):
        raise UsageError(f"{name!r} cannot be a model's name; give one without slashes or a dot at its beginning")
    released = {(found, kind) for role in roles for found, kind in named_graphs(role, released_folder())}
    if (name, "fp32") in released and out.resolve() == user_folder().resolve():
        raise UsageError(f"{name!r} is the name of a released model; give another --name, or another --out")
    return name
