"""Options in groups: a dataclass declares what belongs together, and a command takes the whole as one parameter.

Typer reads options off a function's signature; :func:`grouped` writes the fields of the dataclasses there.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, get_type_hints


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """A command of the same name and help, in whose signature the fields of a dataclass stand in place of a parameter
    of that type. The values are put together again when it is called.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if dataclasses.is_dataclass(kind)}

    @functools.wraps(command)
    def flat(**values: Any) -> None:
        made = {
            name: kind(**{one.name: values.pop(one.name) for one in _fields(kind)}) for name, kind in groups.items()
        }
        command(**made, **values)

    given = inspect.signature(command).parameters.values()
    parameters = [one for parameter in given for one in _parameters(parameter, hints[parameter.name])]
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {one.name: one.annotation for one in parameters}
    return flat


def _parameters(parameter: inspect.Parameter, kind: Any) -> Iterator[inspect.Parameter]:
    if not dataclasses.is_dataclass(kind):
        yield parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY)
        return
    hints = get_type_hints(kind, include_extras=True)
    for one in _fields(kind):
        default = inspect.Parameter.empty if one.default is dataclasses.MISSING else one.default
        yield inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[one.name])


def _fields(kind: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(kind)
