from pathlib import Path

LARGEST = 10 * 1024 * 1024
KEPT = 3


class LogFile:
    """`name.log`, and up to `KEPT` older ones as `name.log.1`…; never larger than `LARGEST` each.

    A full disk loses lines, never the process that writes them.
    """

    def __init__(self, path: Path, *, largest: int = LARGEST) -> None:
        self.path = path
        self._largest = largest
        self._file = path.open("ab", buffering=0)
        self._size = self._file.tell()

    def write(self, line: bytes) -> None:
        try:
            if self._size + len(line) > self._largest:
                self._rotate()
            self._file.write(line)
            self._size += len(line)
        except OSError:
            return

    def close(self) -> None:
        self._file.close()

    def _rotate(self) -> None:
        for number in range(KEPT, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = older.with_suffix(f".{number - 1}") if number > 1 else self.path
            if newer.exists():
                newer.replace(older)
        self._file.close()
        self._file = self.path.open("ab", buffering=0)
        self._size = 0
