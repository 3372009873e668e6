"""Temporary files for what is too big for memory, removed also after an error."""

from __future__ import annotations

import errno
import shutil
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from io import FileIO
from types import TracebackType

import numpy as np


class Scratch:
    """Temporary files without a name, removed on leaving the context.

    The system removes them, too, if the process is killed.

    Attributes:
        images: how many images' activations the files will hold.
        folder: where the files are.
    """

    def __init__(self, images: int, folder: str | None = None) -> None:
        """Plan the room.

        Args:
            images: how many images there will be.
            folder: where the files go; default: the system's temporary folder (TMPDIR).
        """
        self.images = images
        self.folder = folder or tempfile.gettempdir()
        self._files = ExitStack()
        self._writers = ThreadPoolExecutor(2)
        self._needed = 0

    def __enter__(self) -> Scratch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writers.shutdown(cancel_futures=True)
        self._files.close()

    def file(self) -> FileIO:
        """Open a new file for writing and reading."""
        return self._files.enter_context(tempfile.TemporaryFile(dir=self.folder, buffering=0))

    def reserve(self, bytes_per_image: int) -> None:
        """Make sure, before anything is written, that the disk can take it for all images.

        Raises:
            OSError: there is not enough room (errno ENOSPC).
        """
        self._needed += bytes_per_image * self.images
        if self._needed > shutil.disk_usage(self.folder).free:
            raise self._full()

    def write(self, file: FileIO, array: np.ndarray) -> Future[None]:
        """Append a contiguous array to a file, while the caller goes on.

        Args:
            file: made by `file`; wait for its last write before the next one.
            array: must not change before it is written.

        Returns:
            A future; its result raises OSError (errno ENOSPC) if the disk is full.
        """
        return self._writers.submit(self._write, file, memoryview(array).cast("B"))

    def close(self, file: FileIO) -> None:
        """Remove a file in the background: the disk may take seconds for it."""
        self._writers.submit(file.close)

    def _write(self, file: FileIO, left: memoryview) -> None:
        while left:
            try:
                written = file.write(left)
            except OSError as error:
                raise (self._full() if error.errno == errno.ENOSPC else error) from error
            left = left[written:]

    def _full(self) -> OSError:
        free = shutil.disk_usage(self.folder).free / 1e9
        return OSError(
            errno.ENOSPC,
            f"the activations of {self.images} images need {self._needed / 1e9:.1f} GB of "
            f"temporary files, but {self.folder} has {free:.1f} GB left: make room there, or name "
            "a folder on a larger disk (TMPDIR, set before Python starts)",
        )
