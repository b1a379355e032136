"""Where a SavedModel goes: a folder of its own, in which nothing is overwritten."""

import os
import pathlib


def new_folder(path: str | os.PathLike, name: str = "path") -> pathlib.Path:
    """Returns the path with its ~ written out.

    Args:
        path: The folder.
        name: The argument's, for the error message.

    Raises:
        FileExistsError: If something is there that is not an empty folder.
    """
    path = pathlib.Path(path).expanduser()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(
            f"`{name}` must be a new or an empty folder. Received: {path}"
        )
    return path
