"""A few words that a job's process leaves where its worker can read them, even after a sudden death."""

from __future__ import annotations

import mmap

_SIZE_BYTES = 512


class StatusBoard:
    """Memory shared by a worker and the processes it forks. What is read may be torn, so it is for people only."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE_BYTES)

    def write(self, text: str) -> None:
        """Leave the words; what does not fit is cut off. Costs about a microsecond."""
        data = text.encode()[: _SIZE_BYTES - 1]
        self._memory[: len(data) + 1] = data + b"\0"

    def read(self) -> str:
        """The words that were left last."""
        return bytes(self._memory[:]).split(b"\0", 1)[0].decode(errors="ignore")
