"""Image files of all kinds, good and bad, as bytes."""

import io

import numpy as np
from PIL import Image


def picture(seed, height=12, width=16):
    """A smooth coloured picture, which JPEG keeps well."""
    few = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(few).resize((width, height), Image.Resampling.BILINEAR)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def see_through(seed):
    """Opaque on the left, clear on the right, where its colours do not matter."""
    image = picture(seed).convert("RGBA")
    alpha = np.zeros((12, 16), np.uint8)
    alpha[:, :8] = 255
    image.putalpha(Image.fromarray(alpha))
    return image


def animation(seed, kind):
    frames = [picture(seed + i).quantize() for i in range(3)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


def written(folder, files):
    """Writes files by their names in a folder; returns the folder."""
    for name, contents in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents)
    return folder


def classes(counts, **size):
    """PNG files of coloured pictures in a subfolder for each class."""
    return {
        f"{name}/{i:03}.png": encoded(picture([ord(name[0]), i], **size), "PNG")
        for name, count in counts.items()
        for i in range(count)
    }


_JPEG = encoded(picture(0), "JPEG")
BAD = {
    "cut short.jpg": _JPEG[: len(_JPEG) * 9 // 10],
    "cut short.png": encoded(picture(0), "PNG")[:-60],
    "empty.jpg": b"",
    "text.jpg": b"This is no picture.\n",
    "animated.webp": animation(4, "WEBP"),
    "tiff.tif": encoded(picture(0), "TIFF"),
    # The start of one: enough to know it by.
    "telephone.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
}
ODD = {
    "alpha.png": encoded(see_through(1), "PNG"),
    "grey.jpg": encoded(picture(2).convert("L"), "JPEG"),
    "cmyk.jpg": encoded(picture(3).convert("CMYK"), "JPEG", quality=95),
    "animated.gif": animation(4, "GIF"),
}
GOOD = {
    "a.jpg": _JPEG,
    "b.png": encoded(picture(5), "PNG"),
    "c.bmp": encoded(picture(6), "BMP"),
    "d.webp": encoded(picture(7), "WEBP"),
    "e.gif": encoded(picture(8).quantize(), "GIF"),
    "upper.JPEG": encoded(picture(9), "JPEG"),
    "in truth a png.jpg": encoded(picture(10), "PNG"),
}
