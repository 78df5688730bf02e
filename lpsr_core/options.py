"""Options as the fields of one frozen dataclass: name, type, default, help and bounds stand there and nowhere else.

A TOML file is read by `load_options`, values are validated by `check_options`, and `lpsr_core.command_line` makes the
command.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from lpsr_core.errors import UsageError
from lpsr_core.tomlfile import read_toml

Config = TypeVar("Config")


@dataclass(frozen=True)
class Option:
    """What a field says beside its name, type and default.

    Attributes:
        help: sentences for the user, without the default.
        metavar: name of the value; None for flags, and where `choices` are shown in its place.
        flag: as it is typed; None derives it from the field's name.
        choices: the values there are; empty for any.
        least, more_than, most, less_than: bounds of a number, or of each number of a list.
        separator: between the values of a list on the command line; None makes the option repeatable.
        default_words: the default in the help, where the value itself says little; None takes the value.
        example: a value for the example file; None takes the default or else the metavar.
        panel: heading under which the option is listed.
        environment: variable that holds the value where the command line does not.
        single: a TOML file may hold one value in place of the list, and numbers in place of strings.
        file_only: TOML files and Python have the option, the command has not.
    """

    help: str
    metavar: str | None = None
    flag: str | None = None
    choices: tuple[str, ...] = ()
    least: float | None = None
    more_than: float | None = None
    most: float | None = None
    less_than: float | None = None
    separator: str | None = None
    default_words: str | None = None
    example: Any = None
    panel: str | None = None
    environment: str | None = None
    single: bool = False
    file_only: bool = False


def option(
    help: str, metavar: str | None = None, default: Any = MISSING, flag: str | None = None, **details: Any
) -> Any:
    """Return the field of an option.

    Args:
        default: of the option; one without is required.
        help, metavar, flag, details: attributes of `Option`.
    """
    metadata = {"option": Option(help, metavar, flag, **details)}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


def same_option(config: type, name: str) -> Any:
    """Return the field of an option that another dataclass has, too: the same help, default and bounds."""
    one, entry = options(config)[name]
    return field(default=entry.default, metadata={"option": replace(one, panel=None)})


def options(config: Any) -> dict[str, tuple[Option, Field[Any]]]:
    """Return the options of a dataclass, or of an instance of one, by the names of their fields."""
    return {one.name: (one.metadata["option"], one) for one in fields(config) if "option" in one.metadata}


def flag(name: str, one: Option | None = None) -> str:
    """Return an option as it is typed."""
    return (one.flag if one is not None and one.flag else "--" + name.replace("_", "-")).split("/")[0]


def words(one: Option, default: Any) -> str:
    """Return the help of an option with its default."""
    shown = one.default_words
    if shown is None and not (default is None or default is MISSING or default is False or default in ((), "")):
        shown = "yes" if default is True else _shown(default)
    return f"{one.help.removesuffix('.')} (default: {shown})" if shown else one.help


def kind(hint: Any) -> tuple[type, bool]:
    """Return the type of a field's values, and whether the field holds a tuple of them."""
    of = [part for part in get_args(hint) if part is not type(None)]
    if get_origin(hint) is Literal:
        return str, False
    if get_origin(hint) is tuple:
        return kind(of[0])[0], True
    return kind(of[0]) if type(None) in get_args(hint) else (hint, False)


def check_options(config: Any) -> None:
    """Validate the values of a dataclass of options against their choices and bounds.

    Raises:
        UsageError: with the option and what it takes.
    """
    for name, (one, _) in options(config).items():
        value = getattr(config, name)
        for item in value if isinstance(value, tuple) else () if value is None else (value,):
            if one.choices and item not in one.choices:
                raise UsageError(f"{flag(name, one)} is one of {', '.join(one.choices)}, not {item!r}")
            if not _within(one, item):
                raise UsageError(f"{flag(name, one)} is {_range(one)}, not {item}")


def load_options(config: type[Config], path: Path) -> Config:
    """Read a TOML file whose keys are the fields of a dataclass of options.

    Raises:
        UsageError: it is missing, not TOML, lacks a key, or holds a key or a type that the options have not.
    """
    values, hints, known = read_toml(path), get_type_hints(config), options(config)
    unknown = sorted(values.keys() - known)
    if unknown:
        close = get_close_matches(unknown[0].replace("-", "_"), known, 1)
        meant = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(known))}"
        raise UsageError(f"{path}: unknown key {unknown[0]!r}; {meant}")
    typed = {}
    for name, value in values.items():
        of, several = kind(hints[name])
        found = _list(value, of, known[name][0].single) if several else _typed(value, of)
        if found is None:
            takes = (_LISTS if several else _WORDS).get(of, of.__name__)
            raise UsageError(f"{path}: {name} takes {takes}, not {value!r}")
        typed[name] = found
    for name, (_, entry) in known.items():
        if entry.default is MISSING and name not in typed:
            raise UsageError(f"{path}: {name!r} is missing")
    made = config(**typed)
    try:
        check_options(made)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    return made


_LISTS = {str: "a list of strings", int: "a list of numbers", float: "a list of numbers"}
_WORDS = {
    str: "a string in quotes",
    Path: "a path in quotes",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}
"""Types of options as TOML writes them."""


def _typed(value: Any, of: type) -> Any:
    """A value of TOML in the type of an option, or None where it has another; TOML may write 1 for 1.0."""
    if of is float and type(value) is int:
        return float(value)
    if of is Path and isinstance(value, str):
        return Path(value)
    return value if type(value) is of else None


def _list(value: Any, of: type, single: bool) -> tuple[Any, ...] | None:
    """A list of TOML as a tuple, or None where its types are others."""
    if single:
        value = value if isinstance(value, list) else [value]
        value = [str(item) if type(item) is int else item for item in value]
    found = tuple(_typed(item, of) for item in value) if isinstance(value, list) else (None,)
    return None if None in found else found


def _within(one: Option, value: Any) -> bool:
    """Whether a number keeps its bounds; NaN keeps none."""
    return (
        (one.least is None or value >= one.least)
        and (one.more_than is None or value > one.more_than)
        and (one.most is None or value <= one.most)
        and (one.less_than is None or value < one.less_than)
    )


def _range(one: Option) -> str:
    """Bounds in words."""
    if one.least is not None and one.most is not None:
        return f"between {one.least} and {one.most}"
    bounds = {"at least": one.least, "more than": one.more_than, "at most": one.most, "less than": one.less_than}
    return " and ".join(f"{word} {bound}" for word, bound in bounds.items() if bound is not None)


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
