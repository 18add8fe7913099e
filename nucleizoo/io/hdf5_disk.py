"""A file that HDF5 can always close, also when the disk is full."""

from __future__ import annotations

import io
from typing import Any


class Disk(io.FileIO):
    """Takes all that is written, and tells later what the disk did not take.

    HDF5 keeps a file open that it could not write, tries again when the process ends, and kills it. So it
    must not learn of an error: this file remembers the first one, forgets what is written from then on, and
    raises it when it is asked or closed by `with`.
    """

    _failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of a buffer, and give its length."""
        with memoryview(data) as whole, whole.cast("B") as raw:
            try:
                written = 0
                while self._failure is None and written < len(raw):
                    written += super().write(raw[written:])
            except OSError as error:
                self._failure = error
            return len(raw)

    def truncate(self, size: int | None = None) -> int:
        """Cut the file, or make it longer."""
        try:
            return super().truncate(size)
        except OSError as error:
            self._failure = self._failure or error
            return self.tell() if size is None else size

    def check(self) -> None:
        """Nothing.

        Raises:
            OSError: when something could not be written.
        """
        if self._failure is not None:
            raise self._failure

    def __exit__(self, *error: object) -> None:
        """Close, and check."""
        self.close()
        self.check()
