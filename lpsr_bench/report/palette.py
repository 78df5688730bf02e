"""The colours of pages and plots, in light and in dark mode."""

from __future__ import annotations

from collections.abc import Mapping

LIGHT = {
    "ground": "#ffffff",
    "panel": "#f4f6f8",
    "ink": "#15181c",
    "muted": "#4f5864",
    "grid": "#d5dae1",
    "warn": "#fff3d1",
    "edge": "#9a6a00",
    "wrong": "#ffd5c9",
    "series-1": "#0063a6",
    "series-2": "#c24e00",
    "series-3": "#00775a",
    "series-4": "#98407f",
    "series-5": "#7d6200",
    "series-6": "#5a6570",
}
"""CSS variables by name. The series are told apart with any kind of colour blindness (after Okabe and Ito, darkened
until they stand out from white by 4.5 to 1)."""
DARK = {
    "ground": "#13161a",
    "panel": "#1c2026",
    "ink": "#e9ebee",
    "muted": "#a9b2bd",
    "grid": "#363d47",
    "warn": "#352a0f",
    "edge": "#d9a53a",
    "wrong": "#71290f",
    "series-1": "#66b3f0",
    "series-2": "#f5935a",
    "series-3": "#43c9a0",
    "series-4": "#e59cd2",
    "series-5": "#d9c04f",
    "series-6": "#adb6c1",
}


def variables() -> str:
    """CSS that sets them, for the screen in either mode and for print."""
    light, dark = _root(LIGHT), _root(DARK)
    return f"{light}@media screen and (prefers-color-scheme:dark){{{dark}}}"


def _root(colours: Mapping[str, str]) -> str:
    return ":root{" + ";".join(f"--{name}:{value}" for name, value in colours.items()) + "}"
