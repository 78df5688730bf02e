"""A command's options as the fields of one frozen dataclass: name, type, default, help and bounds in one place."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, field, fields
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from lpsr_core.errors import UsageError

Config = TypeVar("Config")


def option(
    help: str,
    metavar: str | None = None,
    default: Any = MISSING,
    flag: str | None = None,
    least: float | None = None,
    more_than: float | None = None,
    most: float | None = None,
) -> Any:
    """Return the field of an option.

    Args:
        help: what the user reads.
        metavar: name of the value; None for flags.
        default: of the option; one without is required.
        flag: as it is typed; None makes it of the field's name.
        least, more_than, most: bounds, see `check_bounds`.
    """
    metadata = {
        "help": help,
        "metavar": metavar,
        "flag": flag,
        "least": least,
        "more_than": more_than,
        "most": most,
    }
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


def check_bounds(config: Any) -> None:
    """Validate the values of a dataclass of options against their bounds.

    Raises:
        UsageError: with the option and what it takes.
    """
    for one in fields(config):
        value, least, more, most = (getattr(config, one.name), *map(one.metadata.get, ("least", "more_than", "most")))
        if least is not None and most is not None and not least <= value <= most:
            raise UsageError(f"{_flag(one)} is between {least} and {most}, not {value}")
        if least is not None and not value >= least:
            raise UsageError(f"{_flag(one)} is at least {least}, not {value}")
        if more is not None and not value > more:
            raise UsageError(f"{_flag(one)} is more than {more}, not {value}")


def command(
    config: Callable[..., Config], run: Callable[[Config], None], *others: inspect.Parameter
) -> Callable[..., None]:
    """Return the function of a Typer command whose options are the fields of a dataclass.

    Args:
        config: the dataclass; every field is made by `option`.
        run: takes the configuration; its docstring is the command's.
        others: parameters that are not handed on, such as `--version`.
    """
    hints = get_type_hints(config)
    own = {one.name: one for one in fields(config)}  # type: ignore[arg-type]
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if one.default is MISSING else one.default,
            annotation=Annotated[
                hints[name], typer.Option(_flag(one), help=one.metadata["help"], metavar=one.metadata["metavar"])
            ],
        )
        for name, one in own.items()
    ]

    def call(**given: Any) -> None:
        run(config(**{name: value for name, value in given.items() if name in own}))

    call.__signature__ = inspect.Signature([*parameters, *others])  # type: ignore[attr-defined]
    call.__annotations__ = {one.name: one.annotation for one in (*parameters, *others)}
    call.__doc__ = run.__doc__
    return call


def _flag(one: Field[Any]) -> str:
    return str(one.metadata["flag"] or "--" + one.name.replace("_", "-"))
