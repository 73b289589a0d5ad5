"""Operations as they are asked for: before autograd has seen them, and before torch takes them apart.

The one place that leans on private parts of torch. By public means a mode sees either Python's calls alone, and so
nothing of scripted modules and of what composite functions call; or what operations were taken apart into, for which
there are no rules. Torch lets a mode of one class of its own stand early enough, so ours says it is one. Should another
torch have it otherwise, a trial finds out, and nothing is traced: scores are then had from plain batches, and what
rests on a graph is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any, TypeAlias

import torch

See: TypeAlias = Callable[[Any, Any, dict[str, Any]], Any]
"""Given an operation, its arguments in order and by name, it makes the call and gives what comes of it."""


class CannotTraceError(Exception):
    """The module does what a graph cannot hold; the text says what."""


@contextmanager
def seen(see: See) -> Iterator[None]:
    """Within it ``see`` is called in place of every operation. Raises CannotTraceError where this torch forbids it."""
    if reason := obstacle():
        raise CannotTraceError(reason)
    with _mode(see):
        yield


@cache
def obstacle() -> str | None:
    """Why this torch does not show its operations early; None where it does."""
    names: list[str] = []

    def noted(operation: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        names.append(str(operation.overloadpacket.__name__))
        return operation(*args, **kwargs)

    try:
        values, weights = torch.ones(1, 2, 3, device="cpu"), torch.ones(1, 2, 2, device="cpu")
        with torch.no_grad(), torch.autocast("cpu", enabled=False), _mode(noted):
            torch.nn.functional.conv1d(values, weights).relu_()
    except Exception as error:  # whatever another torch's insides raise
        return f"torch {torch.__version__} does not show its operations ({type(error).__name__}: {error})"[:200]
    if names != ["conv1d", "relu_"]:
        return f"torch {torch.__version__} shows its operations taken apart ({', '.join(names)[:80]})"
    return None


def _mode(see: See) -> AbstractContextManager[Any]:
    mode: AbstractContextManager[Any] = _early_class()(see)
    return mode


@cache
def _early_class() -> Any:
    """Made when it is first wanted, for it cannot be where torch lacks what it is made from."""
    from torch._dispatch.python import enable_python_dispatcher
    from torch._subclasses.schema_check_mode import SchemaCheckMode
    from torch.utils._python_dispatch import TorchDispatchMode

    class Early(SchemaCheckMode):  # type: ignore[no-untyped-call]
        supports_higher_order_operators = False

        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            return False  # else torch imports its compiler, to tell it to stay away

        def __init__(self, see: See) -> None:
            TorchDispatchMode.__init__(self, torch._C.DispatchKey.PreDispatch)  # type: ignore[no-untyped-call]
            self.see = see

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return self.see(func, args, kwargs or {})

    @contextmanager
    def entered(see: See) -> Iterator[None]:
        with enable_python_dispatcher(), Early(see):
            yield

    return entered
