"""Configs: YAML checked by pydantic, every error with the key's path and its line in the file.

``--set training.epochs=5`` overrides a key; the value is read as YAML. A path may begin with an environment variable,
``$NAME/file``; ``$SEQROBUST_DATA`` falls back to the folder of data sets beside the checkout, where there is one. No
other value is looked up: a config is given on, and what it says stands in checkpoints and reports.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from seqrobust.errors import ConfigError, InputError
from seqrobust.resources import data_root

Model = TypeVar("Model", bound=BaseModel)

_PATHS = ("path", "genome", "annotation", "grammar", "teacher", "allow", "constraints", "weights", "measured")
"""Keys whose values are, or may be, names of files."""
_LARGEST, _MOST_NODES, _DEEPEST = 1_000_000, 100_000, 50
"""Letters, nodes and levels of the largest config that is read."""


def load_config(text: str, schema: type[Model], *, where: str, overrides: Sequence[str] = ()) -> Model:
    """A checked config.

    Args:
        text: YAML.
        schema: what it must be.
        where: the file's name, for errors.
        overrides: ``key.path=value`` items.

    Raises ConfigError that names the key, its line, what was found and the nearest known key.
    """
    root, content = parsed(text, where=where)
    if not isinstance(content, dict):
        found = "nothing" if content is None else type(content).__name__
        raise ConfigError("a config is a mapping of keys to values", found=found, where=where)
    for item in overrides:
        override(content, item)
    try:
        return schema.model_validate(_expanded(content))
    except ValidationError as error:
        raise _config_error(error, schema, root, where) from None
    except InputError as error:
        # What a value's own checks refuse, which know no file.
        raise error.at(where) from None


def parsed(text: str, *, where: str) -> tuple[yaml.Node | None, Any]:
    """The nodes and the content of a YAML text.

    Raises ConfigError for what is not YAML, names a key twice, or would be larger or deeper than any config is.
    """
    if len(text) > _LARGEST:
        raise ConfigError(
            "the config is too large", expected=f"{_LARGEST:,} letters", found=f"{len(text):,}", where=where
        )
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is not None:
            _check_node(root, where, ())
        return root, yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise ConfigError("the config is not valid YAML", found=str(problem), where=where + line) from None
    except RecursionError:
        raise ConfigError("the config is nested too deeply", where=where) from None
    except (ValueError, TypeError) as error:
        # Such as a date of the thirteenth month, or a key that is a list.
        raise ConfigError("the config holds a value that cannot be read", found=str(error), where=where) from None


def _check_node(node: yaml.Node, where: str, above: tuple[int, ...], count: list[int] | None = None) -> None:
    """Raise ConfigError for a key that stands twice, and for aliases that would grow without end.

    Every use of an alias counts: a few lines of aliases of aliases would otherwise fill the memory.
    """
    count = [0] if count is None else count
    count[0] += 1
    line = f"{where}, line {node.start_mark.line + 1}"
    if count[0] > _MOST_NODES or len(above) > _DEEPEST or id(node) in above:
        raise ConfigError("the config is nested too deeply, or refers to itself", where=line)
    inner = (*above, id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_node(item, where, inner, count)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value != "<<" and str(key.value) in seen:
                place = f"{where}, line {key.start_mark.line + 1}"
                raise ConfigError("a key stands twice in the config", found=str(key.value), where=place)
            seen.add(str(key.value))
            _check_node(value, where, inner, count)


def override(content: dict[str, Any], item: str) -> None:
    """Put the value of a ``key.path=value`` item, read as YAML, into a config's content.

    Raises ConfigError for an item that cannot be read, or that goes through a key that holds a value.
    """
    path, equals, text = item.partition("=")
    if not equals or not path.strip():
        raise ConfigError("an override cannot be read", expected="--set key.path=value", found=repr(item))
    *parents, last = path.strip().split(".")
    place = content
    for name in parents:
        inner = place.get(name)
        if inner is None:
            inner = place[name] = {}
        if not isinstance(inner, dict):
            raise ConfigError("an override goes through a key that holds a value", found=name, where=f"--set {item}")
        place = inner
    place[last] = parsed(text, where=f"--set {item}")[1]


def _expanded(value: Any, *, is_path: bool = False) -> Any:
    if isinstance(value, dict):
        return {key: _expanded(item, is_path=str(key).rpartition(".")[2] in _PATHS) for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item, is_path=is_path) for item in value]
    if isinstance(value, str) and is_path:
        return re.sub(r"\$(\w+)|\$\{(\w+)\}", lambda match: _variable(match[1] or match[2]), value)
    return value


def _variable(name: str) -> str:
    if name in os.environ:
        return os.environ[name]
    if name == "SEQROBUST_DATA" and (root := data_root()) is not None:
        return str(root)
    raise ConfigError(
        f"the config uses ${name}, which is not set",
        fix=f"export {name}=/path/to/it, or give the path itself, for example --set data.path=my.tsv",
    )


_LISTS = dict.fromkeys(("tuple_type", "list_type"), "a list, such as [first, second], or [one]")
"""What YAML users call what pydantic names a tuple."""


def _config_error(error: ValidationError, schema: type[BaseModel], root: Any, where: str) -> ConfigError:
    first = error.errors()[0]
    document = schema.model_json_schema()
    path, _ = _followed(document, [str(part) for part in first["loc"]])
    line = _line(root, path)
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    place = f"{where}{f', line {line}' if line else ''}, key {'.'.join(path) or '(top)'}"
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        _, parent = _followed(document, [str(part) for part in first["loc"][:-1]])
        known = sorted(parent.get("properties", {}))
        near = difflib.get_close_matches(path[-1], known, n=1)
        return ConfigError(
            "unknown key in the config" + more,
            expected=", ".join(known),
            found=path[-1],
            where=place,
            fix=f"did you mean {near[0]}?" if near else None,
        )
    found = repr(first.get("input")) if first["type"] != "missing" else "nothing"
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, ConfigError):
        return cause
    message = _LISTS.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    return ConfigError("a value in the config cannot be used" + more, expected=message, found=found[:200], where=place)


def _line(root: Any, path: Sequence[str]) -> int | None:
    """Line of the deepest node on a key's path, counted from 1."""
    node, line = root, None
    for part in path:
        if isinstance(node, yaml.MappingNode):
            pairs = {str(key.value): (key, value) for key, value in node.value}
            if part not in pairs:
                break
            key, node = pairs[part]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and part.isdecimal() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
    return line


def _followed(document: Mapping[str, Any], location: Sequence[str]) -> tuple[list[str], Mapping[str, Any]]:
    """The keys of an error's location, and the schema of what is there.

    Read off the schema's JSON form, which holds nested dataclasses too. Where settings are of one of several kinds, the
    location names the kind, which is no key.
    """
    keys: list[str] = []
    place: Mapping[str, Any] = document
    for part in location:
        kinds = place.get("discriminator", {}).get("mapping", {})
        if part in kinds:
            place = _resolved({"$ref": kinds[part]}, document)
        else:
            keys.append(part)
            place = _resolved(place.get("properties", {}).get(part, {}), document)
    return keys, place


def _resolved(place: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    for choice in (place, *place.get("anyOf", ())):
        if "$ref" in choice:
            found: Mapping[str, Any] = document["$defs"][choice["$ref"].rsplit("/", 1)[1]]
            return found
        if "discriminator" in choice:
            kinds: Mapping[str, Any] = choice
            return kinds
    return place


def read_text(path: Path) -> str:
    """A config's text. Raises ConfigError for a file that cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError("the config cannot be read", found=str(reason), where=str(path)) from None
