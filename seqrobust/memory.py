"""A size of memory as people write it: ``2GB``, ``500 MB``, ``1.5GiB``."""

from __future__ import annotations

import re

from seqrobust.errors import ConfigError

_LACKING = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")
"""What torch's errors say, on a graphics card and elsewhere."""

UNITS = {
    **{f"{prefix}B": 1000**power for power, prefix in enumerate(("K", "M", "G", "T"), start=1)},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate(("K", "M", "G", "T"), start=1)},
}
LEAST = 10**6
"""Bytes; with less than that nothing can be computed."""

# So many digits that no size overflows; ASCII alone, for ``IGNORECASE`` takes a Kelvin sign for a K.
_SIZE = re.compile(r"\s*([0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})\s*([KMGT]i?B?)\s*", re.IGNORECASE | re.ASCII)


def parse_memory(text: str, where: str = "--memory") -> int:
    """Bytes of a size. ``GB`` is 10^9, ``GiB`` 2^30; the ``B`` may be left out.

    Args:
        text: a number and its unit.
        where: option or config key, for the error.

    Raises ConfigError for anything else, a bare number among them, and for less than 1MB.

    >>> parse_memory("2GB"), parse_memory("500 mb"), parse_memory("1.5GiB"), parse_memory("8g")
    (2000000000, 500000000, 1610612736, 8000000000)
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        bare = re.fullmatch(r"\s*\d+(\.\d*)?\s*", text) is not None
        raise ConfigError(
            "a size of memory cannot be read",
            expected="a number and its unit, such as 500MB, 2GB or 1.5GiB",
            found=repr(text),
            where=where,
            fix=f"give the unit: {text.strip()}MB or {text.strip()}GB" if bare else "write it like 2GB",
        )
    prefix = found[2][0].upper()
    size = int(float(found[1]) * UNITS[prefix + ("iB" if "i" in found[2].lower() else "B")])
    if size < LEAST:
        raise ConfigError("too little memory", expected="at least 1MB", found=repr(text), where=where)
    return size


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that there is not enough memory for what was tried.

    >>> lacks_memory(MemoryError()), lacks_memory(RuntimeError("size mismatch"))
    (True, False)
    """
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _LACKING)
