"""Whether a file is an image that can be read, and what is odd about it."""

import concurrent.futures
import dataclasses
import os
import pathlib
from collections.abc import Sequence

import tensorflow as tf

_JPEG, _PNG, _GIF = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8"
_KINDS = {_JPEG: "JPEG", _PNG: "PNG", _GIF: "GIF", b"BM": "BMP", b"RIFF": "WebP"}
# Whole images, whose formats TensorFlow does not decode; where the start's bytes stand.
_NOT_READ = (
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL \r\n\x87\n", "JPEG XL"),
    (4, b"jP  \r\n\x87\n", "JPEG 2000"),
    (4, b"ftypavi", "AVIF"),
    # As telephones write it, under names in .jpg as well.
    (4, b"ftyphe", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (4, b"ftypmsf1", "HEIC"),
)
GREY = "is grey among coloured ones; its values are taken for red, green and blue"
ALPHA = "has an alpha channel; what shines through is made white"
CMYK = "is in CMYK; it is turned into RGB"
MOST_NAMED = 20


@dataclasses.dataclass(frozen=True)
class Checked:
    """What is in a file.

    Attributes:
        size: `(height, width)` in pixels; None where it cannot be read.
        grey: Whether it has one colour channel.
        word: Why it cannot be read, or what is odd about it; empty for neither.
    """

    size: tuple[int, int] | None
    grey: bool
    word: str


def check_files(paths: Sequence[pathlib.Path]) -> list[Checked]:
    """Decodes each file once, on all cores, and says how that went."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(check_file, paths))


def check_file(path: pathlib.Path) -> Checked:
    """Decodes a file and says how that went."""
    try:
        contents = path.read_bytes()
    except OSError as error:
        return Checked(None, False, f"cannot be opened ({error.strerror})")
    if not contents:
        return Checked(None, False, "is empty")
    kind = next((k for start, k in _KINDS.items() if contents.startswith(start)), None)
    if kind is None:
        for place, start, name in _NOT_READ:
            if contents.startswith(start, place):
                word = f"is {name}, a format that is not read: convert it to JPEG"
                return Checked(None, False, word)
        formats = ", ".join(_KINDS.values())
        return Checked(None, False, f"is none of {formats}, whatever its name says")
    # TensorFlow 2.21 writes beyond its memory for one, and the process dies.
    if contents[12:16] == b"VP8X" and len(contents) > 20 and contents[20] & 2:
        return Checked(None, False, "is an animated WebP, which is not read")
    frames = 1
    try:
        with tf.device("CPU:0"):
            if kind == "GIF":
                frames, *shape = tf.io.decode_gif(contents).shape
            else:
                shape = tf.io.decode_image(contents, expand_animations=False).shape
    except tf.errors.OpError:
        return Checked(None, False, f"begins as a {kind} and is damaged or cut short")
    height, width, channels = shape
    word = ""
    if frames > 1:
        word = f"is an animation of {frames} frames; the first is taken"
    elif channels in (2, 4):
        word = ALPHA
    elif kind == "JPEG" and _components(contents) == 4:
        word = CMYK
    return Checked((height, width), channels < 3, word)


def named(
    heading: str, files: dict[str, str], most: int | None = MOST_NAMED
) -> list[str]:
    """Returns lines that name files, sorted, and count those beyond the first.

    Args:
        heading: The line above them.
        files: What is said of each, by its name.
        most: How many are named; None: all.
    """
    lines = [f"  {name} {word}" for name, word in sorted(files.items())]
    if most is not None and len(lines) > most:
        lines[most:] = [f"  and {len(lines) - most} more"]
    return [f"{heading} ({len(files)}):", *lines] if lines else []


def _components(jpeg: bytes) -> int:
    """Returns the colour components of a JPEG, from its frame header."""
    place = 2
    while place + 9 < len(jpeg):
        if jpeg[place] != 0xFF:
            return 0
        marker = jpeg[place + 1]
        # SOF0 to SOF15, without DHT, JPG and DAC, which lie between them.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return jpeg[place + 9]
        if marker == 0xFF:
            place += 1
            continue
        place += 2 + int.from_bytes(jpeg[place + 2 : place + 4])
    return 0
