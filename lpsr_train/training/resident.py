"""Records that lie on the GPU, so that training there never waits for the processor to find and carry them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lpsr_train.data.pool import Records
from lpsr_train.training.batches import upload

_LARGEST_SHARE = 0.5
"""Of the device's free memory that records may take; networks and their gradients need the rest."""
_UPLOADED = 1024
"""Records that go to the device at once."""


class Resident(Records):
    """All records of a pool on a device; batches of it are fields (see `batches.upload`).

    Contrast of the HR pictures is equalised, where `clahe` says so, once for all.
    """

    def __init__(self, records: Records, device: torch.device, clahe: bool = False) -> None:
        self._records, self._device, self._clahe = records, device, clahe
        self._room = records.room
        """Memory is taken for so many records; those beyond stay out."""
        self._count = 0
        self._fields: dict[str, Tensor] = {}
        self.refresh()

    def __len__(self) -> int:
        return self._count

    def refresh(self) -> None:
        self._records.refresh()
        wanted = min(len(self._records), self._room)
        while self._count < wanted:
            start, stop = self._count, min(self._count + _UPLOADED, wanted)
            records = self._records.take(np.arange(start, stop))
            for name, part in upload(records, self._device, self._clahe).items():
                if name not in self._fields:  # at once in its final size: parts joined later would take twice as much
                    shape = (self._room, *part.shape[1:])
                    self._fields[name] = torch.empty(shape, dtype=part.dtype, device=self._device)
                self._fields[name][start:stop] = part
            self._count = stop

    def take(self, indices: NDArray[np.integer]) -> Mapping[str, Tensor]:
        """The fields of the records at these indices."""
        first = next(iter(self._fields.values()))
        chosen = torch.from_numpy(np.asarray(indices, np.int64)).to(first.device)
        return {name: values[chosen] for name, values in self._fields.items()}


def near(records: Records, device: torch.device, clahe: bool = False) -> Records:
    """The records on the device where that is a GPU and they fit; else as they are."""
    if device.type != "cuda":
        return records
    free, _ = torch.cuda.mem_get_info(device)
    if records.room * records.take(np.arange(1)).nbytes > _LARGEST_SHARE * free:
        return records
    return Resident(records, device, clahe)
