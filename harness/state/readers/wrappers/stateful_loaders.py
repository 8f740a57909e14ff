"""Iterators of torchdata's `StatefulDataLoader`, as those of torch. Imported on demand."""

from torchdata.stateful_dataloader import stateful_dataloader

from ..reading import Reader
from .loaders import with_workers, without_seed

READERS: dict[type, Reader] = {
    stateful_dataloader._StatefulSingleProcessDataLoaderIter: without_seed,
    stateful_dataloader._StatefulMultiProcessingDataLoaderIter: with_workers,
}
