"""Typer commands whose options are the fields of a dataclass, see `lpsr_core.options`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, Field
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from lpsr_core.errors import UsageError
from lpsr_core.options import Option, flag, kind, options, words

Result = TypeVar("Result")
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
"""`--debug` of a command; `lpsr_core.errors.run_command` looks for it."""


def version_option(command: str) -> Any:
    """Return the option `--version` of a command."""

    def show(wanted: bool) -> None:
        if wanted:
            from lpsr_core import __version__

            typer.echo(f"{command} {__version__}")
            raise typer.Exit

    return typer.Option("--version", callback=show, is_eager=True, help="Show the version and exit.")


def command_group(command: str, about: str) -> typer.Typer:
    """Make the application of a command that has subcommands, with `--version`.

    Args:
        command: its name.
        about: what `--help` says of it.
    """
    app = typer.Typer(
        name=command,
        help=about,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode=None,
    )

    def callback(version: bool = False) -> None:
        pass

    # Annotations of this module are strings, which Typer could not resolve here.
    callback.__annotations__["version"] = Annotated[bool, version_option(command)]
    app.callback()(callback)
    return app


def with_options(
    config: type, only: Sequence[str] = (), parameter: str = "given"
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Give a function the options of a dataclass, for Typer.

    One parameter of the function takes the options that the user gave, as the dataclass holds them, by the names
    of their fields. Its other parameters remain parameters of the command.

    Args:
        config: the dataclass; its options are made by `lpsr_core.options.option`.
        only: names of the fields that become options; all when empty.
        parameter: name of the function's parameter.
    """
    hints = get_type_hints(config)
    own = {name: pair for name, pair in options(config).items() if not pair[0].file_only and (not only or name in only)}

    def decorate(run: Callable[..., Result]) -> Callable[..., Result]:
        parameters: list[inspect.Parameter] = []
        for one in inspect.signature(run, eval_str=True).parameters.values():
            parameters += _parameters(own, hints) if one.name == parameter else [one]

        @functools.wraps(run)
        def call(**typed: Any) -> Result:
            values = {name: _value(name, own[name][0], typed.pop(name), hints[name]) for name in own}
            given = {name: value for name, value in values.items() if value is not None}
            return run(**{parameter: given}, **typed)

        keywords = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
        call.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
        call.__annotations__ = {one.name: one.annotation for one in keywords}
        return call

    return decorate


def _parameters(own: dict[str, tuple[Option, Field[Any]]], hints: dict[str, Any]) -> Iterator[inspect.Parameter]:
    """Yield the parameters of the options; None is the default of all, as what was not given is not handed on."""
    for name, (one, field) in own.items():
        of, several = kind(hints[name])
        typed: Any = (str if one.separator else list[of]) if several else of  # type: ignore[valid-type]
        required = field.default is MISSING
        yield inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if required else None,
            annotation=Annotated[
                typed if required else typed | None,
                typer.Option(
                    _flags(name, one, of, field.default),
                    help=words(one, field.default),
                    metavar=one.metavar or "|".join(one.choices) or None,
                    envvar=one.environment,
                    rich_help_panel=one.panel,
                    show_default=False,
                ),
            ],
        )


def _flags(name: str, one: Option, of: type, default: Any) -> str:
    """The option as Typer takes it; switches that are on, or neither on nor off, have an opposite."""
    if one.flag or of is not bool or default is False:
        return one.flag or flag(name)
    return f"{flag(name)}/--no-{flag(name).removeprefix('--')}"


def _value(name: str, one: Option, typed: Any, hint: Any) -> Any:
    """What was typed as the dataclass holds it; None where nothing was."""
    if one.separator is not None and typed is not None:
        try:
            return tuple(kind(hint)[0](word) for word in typed.split(one.separator) if word.strip())
        except ValueError:
            raise UsageError(f"{flag(name, one)} takes numbers separated by commas, not {typed!r}") from None
    return (tuple(typed) or None) if isinstance(typed, list) else typed
