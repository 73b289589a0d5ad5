"""A model behind a server that speaks GAME, the Genomic API for Model Evaluation.

Luthra et al. (2025), bioRxiv 2025.07.04.663250: ``POST /predict`` takes sequences by id and the tasks that are asked
for, and gives predictions by id for each task; ``GET /help`` says what there is. Nothing else of the protocol is used:
one value, or one row, a sequence and task (``readout`` point or track).
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import numpy as np
from numpy.typing import NDArray

from seqrobust.errors import ConfigError, ModelError

_WAIT = 600.0
"""Seconds until a server that says nothing is given up."""
_AT_ONCE = 256
"""Sequences a request."""
_LARGEST = 1 << 30
"""Bytes of an answer, at most."""
_ASKED = {"type": "expression", "cell_type": "none", "species": "homo_sapiens", "scale": "linear"}
"""What a task says of itself where the user does not."""


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A function from texts to (N, T) predictions of a server.

    Attributes:
        address: of its ``/predict``.
        tasks: what is asked for, an output each; see the protocol.
        readout: ``point``, or ``track``, of which rows have to be of one length.
    """

    address: str
    tasks: tuple[dict[str, str], ...]
    readout: str = "point"

    def __call__(self, texts: list[str]) -> NDArray[np.float64]:
        """(N, T) for points, (N, T, bins) for tracks. Raises ModelError where the server fails or answers otherwise."""
        parts = [self._asked(texts[start : start + _AT_ONCE]) for start in range(0, len(texts), _AT_ONCE)]
        return np.concatenate(parts)

    def _asked(self, texts: list[str]) -> NDArray[np.float64]:
        names = [f"s{number}" for number in range(len(texts))]
        request = {
            "readout": self.readout,
            "prediction_tasks": list(self.tasks),
            "sequences": dict(zip(names, texts, strict=True)),
        }
        answer = self._posted(json.dumps(request).encode())
        given = answer.get("prediction_tasks") if isinstance(answer, dict) else None
        if not isinstance(given, list):
            raise self._failing(f"an answer without prediction_tasks: {json.dumps(answer)[:200]}")
        by_name = {one.get("name"): one.get("predictions") for one in given if isinstance(one, dict)}
        rows = []
        for task in self.tasks:
            found = by_name.get(task["name"])
            if not isinstance(found, dict) or set(names) - set(found):
                raise self._failing(f"no predictions for all sequences of task {task['name']}")
            rows.append([found[name] for name in names])
        try:
            values = np.array(rows, dtype=np.float64)
        except (TypeError, ValueError):
            raise self._failing("predictions that are no numbers, or rows of different lengths") from None
        values = np.moveaxis(values, 0, 1)
        return values[:, :, 0] if self.readout == "point" and values.ndim == 3 and values.shape[2] == 1 else values

    def _posted(self, body: bytes) -> Any:
        sent = urllib.request.Request(
            self.address, body, {"Content-Type": "application/json", "Accept": "application/json"}
        )
        try:
            with urllib.request.urlopen(sent, timeout=_WAIT) as reply:
                return json.loads(reply.read(_LARGEST))
        except urllib.error.HTTPError as error:
            with error:  # it holds the connection
                said = error.read(500).decode(errors="replace")
            raise self._failing(f"HTTP {error.code}: {said}") from error
        except (OSError, ValueError) as error:
            raise self._failing(f"{type(error).__name__}: {error}") from error

    def _failing(self, found: str) -> ModelError:
        return ModelError(
            "the server does not predict",
            expected="an answer of the GAME protocol (bioRxiv 2025.07.04.663250) to POST /predict",
            found=found,
            where=self.address,
            fix="see what it offers: curl ADDRESS/help; name that with ADDRESS?type=...&cell_type=...&species=...",
        )


def remote_of(model: str) -> Remote:
    """The server that an address names, and the tasks in its query.

    Args:
        model: ``http://host:port`` with a query such as ``type=accessibility&cell_type=K562&species=homo_sapiens``,
            ``scale`` and ``readout``; what is given several times asks for several outputs.

    Raises ConfigError for a query that cannot be read.

    >>> remote_of("http://localhost:5000?type=expression&cell_type=K562&cell_type=HepG2").tasks[1]["cell_type"]
    'HepG2'
    """
    split = urlsplit(model)
    asked = parse_qs(split.query, keep_blank_values=True)
    if unknown := set(asked) - {*_ASKED, "readout"}:
        raise ConfigError(
            "the address asks for something that servers are not asked",
            expected=", ".join((*_ASKED, "readout")),
            found=", ".join(sorted(unknown)),
            where=model,
        )
    readout = asked.pop("readout", ["point"])[-1]
    count = max((len(values) for values in asked.values()), default=1)
    if wrong := [name for name, values in asked.items() if len(values) not in (1, count)]:
        raise ConfigError("outputs cannot be counted", expected=f"one {wrong[0]}, or {count}", found=str(asked))
    tasks = []
    for number in range(count):
        own = {name: values[number if len(values) > 1 else 0] for name, values in asked.items()}
        tasks.append({"name": f"output_{number + 1}", **_ASKED, **own})
    path = split.path.rstrip("/").removesuffix("/predict") + "/predict"
    return Remote(address=urlunsplit((split.scheme, split.netloc, path, "", "")), tasks=tuple(tasks), readout=readout)
