"""Which of a model's outputs are meant: a small expression over what it returned, read without running any code.

``counts`` is the entry, or field, of that name; ``output`` is all that was returned, and is understood where an
expression begins with ``[`` or ``.``. Slices, sums, differences, products and quotients, and the functions below may
follow: ``[0]``, ``logits[:, 3]``, ``['profile'].mean(1)``, ``track[:, 3] - track[:, 7]``, ``log(counts + 1)``.
The first axis is that of the records.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from seqrobust.errors import ConfigError, ModelError

WHOLE = "output"
"""What all that was returned is called."""
FUNCTIONS = (
    "abs", "amax", "amin", "concat", "exp", "flatten", "log", "log1p", "log2", "logsumexp", "max", "mean", "min",
    "movedim", "sigmoid", "softmax", "softplus", "sqrt", "squeeze", "stack", "sum", "tanh",
)  # fmt: skip
"""Functions of an expression, as ``mean(x, 1)`` or ``x.mean(1)``, by their meaning in torch; ``max`` and ``min`` give
values alone."""
_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
_MOST = 500
"""Characters, beyond which an expression is a mistake."""


def parsed(text: str) -> ast.expr:
    """The expression of a text. Raises ConfigError for one that cannot be read, or does what none may.

    >>> ast.dump(parsed("[0]")) == ast.dump(parsed("output[0]"))
    True
    """
    whole = text.strip()
    if whole.startswith((".", "[")):
        whole = WHOLE + whole
    try:
        tree = ast.parse(whole[: _MOST + 1], mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _unread(text, str(error).splitlines()[0]) from None
    if len(whole) > _MOST:
        raise _unread(text[:40] + " ...", f"more than {_MOST} characters")
    for node in ast.walk(tree):
        _check(node, text)
    return tree


def _check(node: ast.AST, text: str) -> None:
    """Raise ConfigError for a part that has no meaning here."""
    match node:
        case ast.Constant(value=value) if value is None or type(value) in (int, float, str):
            return
        case ast.Attribute(attr=name) | ast.Name(id=name) if name.startswith("_"):
            raise _unread(text, f"{name!r} is private")
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), keywords=keywords):
            if name not in FUNCTIONS:
                raise _unread(text, f"there is no function {name!r}; known: {', '.join(FUNCTIONS)}")
            if wrong := [one.arg for one in keywords if one.arg not in ("dim", "keepdim")]:
                raise _unread(text, f"{name} has no argument {wrong[0]!r}")
        case ast.BinOp(op=op) if type(op) not in _BINARY:
            raise _unread(text, f"{type(op).__name__} is no operation of numbers")
        case ast.UnaryOp(op=op) if type(op) not in _UNARY:
            raise _unread(text, f"{type(op).__name__} is no operation of numbers")
        case (
            ast.Name() | ast.Attribute() | ast.Subscript() | ast.Slice() | ast.Tuple() | ast.List() | ast.BinOp()
            | ast.UnaryOp() | ast.keyword() | ast.expr_context() | ast.operator() | ast.unaryop()
        ):  # fmt: skip
            return
        case _:
            raise _unread(text, f"{type(node).__name__} has no meaning here")


def _unread(text: str, why: str) -> ConfigError:
    return ConfigError(
        "the outputs that are meant cannot be read",
        expected="such as counts, [0], .logits, [:, 3], track[:, 3] - track[:, 7], profile.mean(1)",
        found=f"{text!r}: {why}",
        where="--output-of",
    )


def value_of(tree: ast.expr, output: object) -> Any:
    """What an expression means of a model's output. Raises ModelError where the output has no such part."""
    match tree:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return output if name == WHOLE else _part(output, name)
        case ast.Attribute(value=inner, attr=name):
            return _part(value_of(inner, output), name)
        case ast.Subscript(value=inner, slice=index):
            return _indexed(value_of(inner, output), _index(index, output), ast.unparse(tree))
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return [value_of(one, output) for one in elements]
        case ast.BinOp(left=left, op=op, right=right):
            return _tried(tree, lambda: _BINARY[type(op)](value_of(left, output), value_of(right, output)))
        case ast.UnaryOp(op=sign, operand=operand):
            return _tried(tree, lambda: _UNARY[type(sign)](value_of(operand, output)))
        case ast.Call(func=ast.Attribute(value=inner, attr=name), args=arguments, keywords=keywords):
            given = [value_of(one, output) for one in (inner, *arguments)]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords):
            given = [value_of(one, output) for one in arguments]
        case _:
            raise AssertionError(tree)
    named = {str(one.arg): value_of(one.value, output) for one in keywords}
    return _tried(tree, lambda: _function(name)(*given, **named))


def _function(name: str) -> Callable[..., Any]:
    import torch

    found: Callable[..., Any]
    if name in ("max", "min"):
        found = getattr(torch, f"a{name}")
    elif name == "softplus":
        found = torch.nn.functional.softplus
    else:
        found = getattr(torch, name)
    return found


def _part(value: object, name: str) -> Any:
    """An entry of that name, or a field."""
    if isinstance(value, Mapping) and name in value:
        return value[name]
    # What a tensor itself is asked for is one of the functions, and then called.
    if not hasattr(value, "shape") and hasattr(value, name):
        return getattr(value, name)
    raise _absent(name, value)


def _indexed(value: Any, index: Any, text: str) -> Any:
    try:
        return value[index]
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise _absent(text, value, error) from None


def _index(node: ast.expr, output: object) -> Any:
    """An index of numbers, slices and names."""
    match node:
        case ast.Slice(lower=lower, upper=upper, step=step):
            return slice(*(None if end is None else value_of(end, output) for end in (lower, upper, step)))
        case ast.Tuple(elts=elements):
            return tuple(_index(one, output) for one in elements)
        case _:
            return value_of(node, output)


def _tried(tree: ast.expr, ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except (TypeError, RuntimeError, IndexError, ValueError, AttributeError) as error:
        raise _failing(ast.unparse(tree), error) from None


def _failing(text: str, error: Exception) -> ModelError:
    return ModelError(
        "the outputs that are meant cannot be worked out",
        found=f"{text}: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
        where="--output-of",
    )


def _absent(name: str, value: object, error: Exception | None = None) -> ModelError:
    from seqrobust.models.checks.calling import in_words

    said = in_words(value)
    if not isinstance(value, (Mapping, tuple, list)) and not hasattr(value, "shape"):
        fields = [one for one in getattr(value, "__dict__", {}) if not one.startswith("_")]
        said += f" with {', '.join(fields[:8])}" if fields else ""
    why = "" if error is None or not str(error) else f" ({str(error).splitlines()[0]})"
    return ModelError("the model's output has no such part", expected=name, found=said + why, where="--output-of")
