"""One process at a time in a folder: a lock that the system takes back when its holder dies."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from seqrobust.errors import ConfigError

NAME = ".lock"


@contextmanager
def locked(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold a folder for this process.

    The lock is ``flock``'s: it goes with the process, however that ends. The file says who holds it and is removed
    with it. Where a file system takes no locks that is said, and work goes on without one.

    Raises ConfigError where another process, or another run of this one, works in the folder.
    """
    handle = _held(folder / NAME, say)
    try:
        yield
    finally:
        if handle is not None:
            # Removed before it is let go: whoever opens the name afterwards opens another file.
            (folder / NAME).unlink(missing_ok=True)
            os.close(handle)


def _held(file: Path, say: Callable[[str], None]) -> int | None:
    try:
        import fcntl
    except ImportError:
        say(f"this system has no locks of the kind needed: see to it yourself that only one run uses {file.parent}")
        return None
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            found = _holder(handle)
            os.close(handle)
            raise ConfigError(
                "another run is working in the output folder",
                found=found,
                where=str(file.parent),
                fix="wait until it has ended, or choose another --out",
            ) from None
        except OSError as error:
            os.close(handle)
            file.unlink(missing_ok=True)
            say(
                f"{file.parent} is on a file system that takes no locks ({error.strerror}): "
                "see to it yourself that only one run uses it"
            )
            return None
        if _is_named(handle, file):
            break
        # Its last holder removed the file between opening and locking: what is locked has no name any more.
        os.close(handle)
    holder = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    os.truncate(handle, 0)
    os.write(handle, json.dumps(holder).encode())
    return handle


def _is_named(handle: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), file.stat())
    except FileNotFoundError:
        return False


def _holder(handle: int) -> str:
    try:
        holder = json.loads(os.pread(handle, 4096, 0))
        return f"process {holder['pid']} on {holder['host']}, since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "a process that has not said its name yet"
