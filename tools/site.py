"""MkDocs hooks: pages of the site that live elsewhere in the repository, and pages that are not written yet.

The README is the home page and CHANGELOG.md and benchmarks/README.md are pages, so that GitHub and the site show the
same text. Links between them are rewritten; a link to a file that the site does not hold becomes its path.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ELSEWHERE = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "benchmarks/README.md": "benchmarks.md"}
"""Page of the site by its file in the repository."""
PLANNED: frozenset[str] = frozenset()
"""Pages that the navigation names and that may be missing."""
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]*)(#[^)\s]*)?\)")


def page_of(path: str) -> str | None:
    """Return the page that shows a file of the repository, relative to docs/; None when the site does not hold it."""
    return ELSEWHERE.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)


def rewrite_links(markdown: str, page: str, file: str) -> str:
    """Return a page's text with links that lead to where the site has the files.

    Args:
        markdown: text of the page.
        page: its path below docs/.
        file: its path in the repository, to which its links are relative.
    """

    def rewritten(link: re.Match[str]) -> str:
        picture, text, target, anchor = link.group(1), link.group(2), link.group(3), link.group(4) or ""
        if not target or "://" in target or target.startswith("mailto:"):
            return link.group(0)
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), target))
        there = page_of(path)
        if there is None:
            return f"{text} (`{path}`)" if text.strip("`") != path else f"`{path}`"
        return f"{picture}[{text}]({posixpath.relpath(there, posixpath.dirname(page) or '.')}{anchor})"

    return _LINK.sub(rewritten, markdown)


def without_missing(nav: list[Any], docs: Path) -> list[Any]:
    """Return a navigation without the planned pages that docs/ does not hold and without empty sections."""
    kept: list[Any] = []
    for entry in nav:
        title, target = next(iter(entry.items()))
        if isinstance(target, list):
            inner = without_missing(target, docs)
            kept += [{title: inner}] if inner else []
        elif target not in PLANNED or (docs / target).is_file():
            kept.append(entry)
    return kept


def on_config(config: Any) -> Any:
    """Leave out the pages that are not written yet."""
    config.nav = without_missing(config.nav, Path(config.docs_dir))
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that live outside docs/."""
    from mkdocs.structure.files import File

    for path, page in ELSEWHERE.items():
        if (ROOT / path).is_file():
            files.append(File.generated(config, page, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Rewrite the links of a page."""
    uri = page.file.src_uri
    file = next((path for path, name in ELSEWHERE.items() if name == uri), f"docs/{uri}")
    return rewrite_links(markdown, uri, file)
