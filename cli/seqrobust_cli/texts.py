"""Options that hold more than one thing in a text: pairs, names, models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqrobust.models.source import ModelSource


def parse_where(options: list[str]) -> dict[str, list[str]]:
    """Column to accepted values from ``column=value`` options. Raises ConfigError for one without ``=``.

    >>> parse_where(["split=train", "kind=designed", "split=valid"])
    {'split': ['train', 'valid'], 'kind': ['designed']}
    """
    from seqrobust.errors import ConfigError

    wanted: dict[str, list[str]] = {}
    for option in options:
        column, equals, value = option.partition("=")
        if not equals or not column:
            raise ConfigError("a filter cannot be read", expected="--where column=value", found=repr(option))
        wanted.setdefault(column, []).append(value)
    return wanted


def patterns_of(options: list[str]) -> dict[str, str]:
    from seqrobust.errors import ConfigError

    pairs = [option.partition("=") for option in options]
    if wrong := [option for option, (name, _, text) in zip(options, pairs, strict=True) if not (name and text)]:
        raise ConfigError("a pattern cannot be read", expected="--pattern NAME=PATTERN", found=repr(wrong[0]))
    return {name: text for name, _, text in pairs}


def names_of(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def named_models(models: list[str], weights: list[str], said: dict[str, Any]) -> tuple[tuple[str, ModelSource], ...]:
    """Models from ``NAME=MODEL``; one without a name is called after its factory, its file, or the file's folder.

    Args:
        models: checkpoints and factories.
        weights: ``NAME=FILE`` for factories.
        said: what else the user says about all of them.

    Raises ConfigError for weights of no model, and for a prefix of no weights.
    """
    from seqrobust.errors import ConfigError
    from seqrobust.models.source import ModelSource

    if said.get("weights_prefix") is not None and not weights:
        raise ConfigError("a prefix of no weights", expected="--weights NAME=FILE beside it", where="--weights-prefix")
    files = {name: Path(file) for name, _, file in (text.partition("=") for text in weights)}
    found = []
    for text in models:
        name, _, model = text.partition("=") if "=" in text and not Path(text).exists() else ("", "", text)
        called = name or _called(model)
        found.append((called, ModelSource(model=model, weights=files.pop(called, None), **said)))
    if files:
        names = ", ".join(name for name, _ in found)
        raise ConfigError("weights for no model", expected=names, found=", ".join(files), where="--weights")
    return tuple(found)


def _called(model: str) -> str:
    path = Path(model)
    if not path.exists() and ":" in model:
        return model.rpartition(":")[2]
    return path.parent.name if path.name == "model.ckpt" and path.parent.name else path.stem
