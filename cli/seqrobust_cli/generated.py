"""Commands made from settings: every field that carries an :class:`~seqrobust.options.Option` becomes an option.

Typer reads options off a function's signature. :func:`parameters_of` writes them there from dataclasses, and
:func:`built` puts the values together again; nested dataclasses are gone through field by field.
"""

from __future__ import annotations

import dataclasses
import inspect
import keyword
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import typer

from seqrobust.options import Option

Made = TypeVar("Made")
OWN = "settings"
"""The kind whose options are the command's alone."""
_PLAIN = (str, int, float, bool, Path)


def command(
    help: str, panel: str, kinds: Mapping[str, type], called: Callable[..., None], *, hidden: tuple[str, ...] = ()
) -> Callable[..., None]:
    """A function for Typer with the options of several dataclasses.

    Args:
        help: the docstring.
        panel: where the :data:`OWN` options that name no panel are listed; empty for the general one.
        kinds: dataclasses by the keyword under which ``called`` wants them made.
        called: is called with one object of each kind.
        hidden: flags that the command does not have.
    """

    def flat(**values: Any) -> None:
        called(**{name: built(kind, values) for name, kind in kinds.items()})

    parameters = [
        one
        for name, kind in kinds.items()
        for one in parameters_of(kind, panel if name == OWN else "")
        if one.name not in hidden
    ]
    # Typer wants required options first in nothing, but Python's signature does not mind among keywords.
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {one.name: one.annotation for one in parameters}
    flat.__doc__ = help
    return flat


def parameters_of(kind: Any, panel: str) -> Iterator[inspect.Parameter]:
    """The options of a dataclass, nested ones included, as keyword parameters."""
    for field, plain, option in _fields(kind):
        if option is None:
            if dataclasses.is_dataclass(plain):
                yield from parameters_of(plain, panel)
            continue
        typed, default = _typed(field, plain, option)
        yield inspect.Parameter(
            _name(field, option),
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[typed, _shown(field, option, panel)],
        )


def _shown(field: dataclasses.Field[Any], option: Option, panel: str) -> Any:
    """What Typer is told of an option or argument."""
    if option.argument:
        return typer.Argument(help=option.help, metavar=option.metavar, min=option.least, max=option.most)
    return typer.Option(
        option.named(field.name),
        *option.aliases,
        help=option.help,
        metavar=option.metavar,
        min=option.least,
        max=option.most,
        rich_help_panel=option.panel or panel or None,
    )


def built(kind: Callable[..., Made], values: Mapping[str, Any]) -> Made:
    """An object of a dataclass from the values of its options; what was not said is left to its default."""
    made: dict[str, Any] = {}
    for field, plain, option in _fields(kind):
        if option is None:
            if isinstance(plain, type) and dataclasses.is_dataclass(plain):
                made[field.name] = built(plain, values)
            continue
        value = values.get(_name(field, option))
        if value is None or (option.repeat and not value):
            continue
        if option.read is not None:
            value = option.read(value)
        elif option.repeat:
            value = tuple(value)
        made[field.name] = not value if option.yes else value
    return kind(**made)


def _fields(kind: Any) -> Iterator[tuple[dataclasses.Field[Any], Any, Option | None]]:
    """Fields with their types and options."""
    hints = get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        if get_origin(hint) is Annotated:
            plain, *extras = get_args(hint)
            yield field, plain, next((one for one in extras if isinstance(one, Option)), None)
        else:
            yield field, hint, None


def _name(field: dataclasses.Field[Any], option: Option) -> str:
    name = option.named(field.name).partition("/")[0].lstrip("-").replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name


def _typed(field: dataclasses.Field[Any], plain: Any, option: Option) -> tuple[Any, Any]:
    """The type that Typer is given, and the default that the help shows; None where the dataclass has its own."""
    if option.yes:
        return bool, False
    required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    if option.repeat:
        inner: Any = next((one for one in get_args(plain) if one is Path), str)
        if required:
            return list[inner], inspect.Parameter.empty
        return Union[list[inner], None], None  # noqa: UP007
    kind: Any = str if option.read is not None else _scalar(plain)
    default = None if field.default is dataclasses.MISSING else field.default
    if required:
        return kind, inspect.Parameter.empty
    if option.typed is not None:
        return kind, option.typed
    if default is None or option.read is not None or not isinstance(default, _PLAIN):
        return Union[kind, None], None  # noqa: UP007
    return kind, default


def _scalar(plain: Any) -> Any:
    """The scalar behind optional and literal types; text where several would do."""
    if get_origin(plain) in (Union, types.UnionType):
        inner = {_scalar(one) for one in get_args(plain) if one is not type(None)}
        return inner.pop() if len(inner) == 1 else str
    if get_origin(plain) is Literal or plain not in _PLAIN:
        return str
    return plain
