"""The methods by name; ``auto`` tries all of them, the cheapest first, on the records that are still open."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seqrobust.certification.bounds import Bounds
from seqrobust.certification.case import Method
from seqrobust.certification.clusters import Clusters
from seqrobust.certification.enumeration import Enumeration
from seqrobust.certification.windows import WindowSums
from seqrobust.errors import ConfigError

METHODS: dict[str, Callable[[], Method]] = {
    "window_sums": WindowSums,
    "bounds": Bounds,
    "clusters": Clusters,
    "enumeration": Enumeration,
}
"""Makers of methods, cheapest first."""

_FEW, _SOME = 1 << 11, 1 << 15
"""Members of one cost that are rather scored than bounded, and rather than put together from what their parts do."""


def methods_named(names: Sequence[str]) -> tuple[Method, ...]:
    """New methods of those names, in the order of their cost. Raises ConfigError for a name that is none."""
    unknown = [name for name in names if name not in METHODS and name != "auto"]
    if unknown or not names:
        raise ConfigError(
            "unknown method of certification",
            expected=f"auto, or any of {', '.join(METHODS)}",
            found=", ".join(unknown) or "none",
            where="--method",
        )
    chosen = [name for name in METHODS if name in names or "auto" in names]
    found: list[Method] = [METHODS[name]() for name in chosen]
    if "enumeration" in chosen:
        # The few sequences of a single edit are scored sooner than they are bounded, and those of two sooner than it is
        # found out what edits do together.
        some = (("clusters", _SOME), ("bounds", _FEW))
        for name, most in some:
            if name in chosen:
                found.insert(chosen.index(name), Enumeration(most=most))
    return tuple(found)
