"""The errors of the checkpoint file: one class per root cause."""

from __future__ import annotations

from typing import final


class CheckpointError(Exception):
    """A checkpoint could not be written, read or found.

    You see it when: never itself, always one of the classes below. Catch it to handle them all.
    """


@final
class DamagedCheckpoint(CheckpointError):
    """The file is a checkpoint of this project, but not the one that was written.

    You see it when: a byte was altered, lost, added or repeated, on disk, in a copy or by hand.
    What to do: load another checkpoint; `find_latest` skips damaged ones and says so.
    """


@final
class ForeignCheckpoint(CheckpointError):
    """The file was never a checkpoint of this project.

    You see it when: the path leads to a stock Stable-Baselines3 zip, another zip or another file.
    What to do: check the path; a stock zip needs `DistributionalPPO.from_sb3_zip`.
    """


@final
class NewerCheckpoint(CheckpointError):
    """The file is intact, but its format is younger than this version of the project.

    You see it when: a later release wrote it.
    What to do: upgrade resumeproof to the release named in the message.
    """


@final
class UnsupportedValue(CheckpointError):
    """A value in the state has a type that the closed schema does not hold.

    You see it when: saving; nothing has been written then.
    What to do: turn the value at the named path into plain data, or register its code by name.
    """


@final
class MismatchedCheckpoint(CheckpointError):
    """The file is intact, but what it needs is not here.

    You see it when: a registered name was not passed again, a device is missing, or the versions of
    gymnasium disagree about a space.
    What to do: pass what the message names.
    """


@final
class NoCheckpoint(CheckpointError):
    """A directory holds no checkpoint that verifies.

    You see it when: `find_latest` found no file, or only damaged ones; the message lists them.
    What to do: check the directory, or start the run anew.
    """
