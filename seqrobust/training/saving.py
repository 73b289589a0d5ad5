"""Lightning's checkpoints, written beside the file they take the place of.

Lightning writes them to the system's folder for temporary files and copies from there where that is another file
system: a process that dies while copying leaves half a checkpoint in the place of a whole one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

from seqrobust.files import replacing


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that are whole on the disk before they take the place of the one before."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """See :class:`lightning_fabric.plugins.io.torch_io.TorchCheckpointIO`; a local path is expected."""
        if storage_options is not None:
            raise TypeError("checkpoints are local files, which take no storage options")
        with replacing(Path(path)) as temporary:
            torch.save(checkpoint, temporary)
