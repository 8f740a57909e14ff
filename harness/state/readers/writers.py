"""Writers of event files: where a run writes is no state. Imported on demand."""

from torch.utils.tensorboard.writer import SummaryWriter

from .reading import Reader, Reading


def _writer(obj: SummaryWriter) -> Reading:
    return ("stream", "written"), (), None


READERS: dict[type, Reader] = {SummaryWriter: _writer}
