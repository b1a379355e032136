"""Files that are written whole or not at all."""

import contextlib
import os
import pathlib
from collections.abc import Iterator


@contextlib.contextmanager
def replaced(path: str | os.PathLike, writer: int = 0) -> Iterator[pathlib.Path]:
    """Gives a path to write to, and puts what was written in the place of another.

    Whoever is cut short, by a kill or a full disk, leaves what was there before.

    Args:
        path: The file to replace, in a folder that is there.
        writer: A number of one's own among those who write to the path at once.

    Raises:
        OSError: If it cannot be written, naming the path.
    """
    path = pathlib.Path(path)
    # Beside it, as only a move within a file system is one stroke; the ending stays,
    # by which Keras knows the format.
    fresh = path.with_name(f".{writer}.{path.name}")
    try:
        yield fresh
        # What a crash of the machine must not leave is a new name on old blocks.
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        if not isinstance(error, OSError):
            raise
        before = "what it held before is whole" if path.exists() else "nothing is there"
        raise OSError(
            error.errno, f"{path} could not be written, {before}. Received: {error}"
        ) from error
