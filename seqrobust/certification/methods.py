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

_FEW = 1 << 11
"""Members of one cost that are rather scored than bounded."""


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
    if "bounds" in chosen and "enumeration" in chosen:
        # The few sequences of a single edit are scored sooner than they are bounded.
        found.insert(chosen.index("bounds"), Enumeration(most=_FEW))
    return tuple(found)
