"""The command line, called in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from seqrobust_cli.main import _exit_code


@pytest.fixture
def run() -> Callable[..., int]:
    """Gives the exit code of a call."""

    def call(*arguments: object) -> int:
        return _exit_code([str(argument) for argument in arguments], debug=False)

    return call
