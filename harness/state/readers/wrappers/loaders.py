"""Iterators of a `DataLoader`: without workers all of it is here, with workers it is not."""

from torch.utils.data import dataloader

from ..objects import attributes
from ..reading import Reader, Reading, refuse


def without_seed(obj: object) -> Reading:
    """As it is, without the seed it draws for workers: it has none, and nothing reads it."""
    own = attributes(obj.__dict__)
    return ("object",), [item for item in own if item[0] != "_base_seed"], None


with_workers = refuse(
    "has worker processes that read ahead, and only they know how far they are: keep the number "
    "of batches taken, or the state_dict of a StatefulDataLoader"
)

READERS: dict[type, Reader] = {
    dataloader._SingleProcessDataLoaderIter: without_seed,
    dataloader._MultiProcessingDataLoaderIter: with_workers,
}
