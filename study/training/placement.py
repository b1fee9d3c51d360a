"""Where a trial's images lie: on its device, or mapped from a file of which batches are taken."""

import torch
from torch import Tensor

from fitscape.study.data import TrialData

RESIDENT_SHARE = 0.5  # of a card's memory that images may take; more of them come batch by batch
STAGED = 2**26  # bytes of pinned memory that an upload goes through


def is_resident(data: TrialData, device: torch.device) -> bool:
    """Whether all images lie on the device: those in the CPU's memory do, mapped ones do not, a card's if they fit."""
    if device.type != "cuda":
        return data.mapped is None
    return fits_card(data.train_images.nbytes + data.val_images.nbytes, device)


def fits_card(images: int, device: torch.device) -> bool:
    """Whether so many bytes of images are kept on a card."""
    return images <= RESIDENT_SHARE * torch.cuda.get_device_properties(device).total_memory


def upload(tensor: Tensor, device: torch.device) -> Tensor:
    """To the device, from pinned memory where that is a GPU, some of it at a time; no copy at all on the CPU."""
    if device.type != "cuda":
        return tensor
    if tensor.nbytes <= STAGED:
        return tensor.pin_memory().to(device, non_blocking=True)
    out = torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
    together = max(1, STAGED * len(tensor) // tensor.nbytes)
    for target, part in zip(out.split(together), tensor.split(together), strict=True):
        target.copy_(part.pin_memory(), non_blocking=True)
    return out


def rows(images: Tensor, chosen: Tensor, device: torch.device) -> Tensor:
    """Some images on the device, wherever all of them lie."""
    return images.index_select(0, chosen.to(images.device)).to(device)
