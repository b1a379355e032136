"""One HTML file with everything in it: text, tables, pictures, and maps to hover on."""

import base64
import html
import io
import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from keras_contrastive._files import replaced
from keras_contrastive.plots.figure import DPI

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Nothing is asked of any network, whatever a name from a dataset says.
_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none';
 img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto;
 padding: 0 1rem; color: #222; background: #fff; }}
h2 {{ margin-top: 2.5rem; border-bottom: 1px solid #ddd; }}
table {{ border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }}
th, td {{ padding: .2rem .7rem; border-bottom: 1px solid #eee; text-align: right; }}
th:first-child, td:first-child {{ text-align: left; }}
figure {{ margin: 1rem 0; }}
figure img {{ max-width: 100%; }}
figcaption {{ color: #555; }}
.maps {{ display: flex; flex-wrap: wrap; gap: 1rem; position: relative; }}
.maps figure {{ flex: 1 1 28rem; margin: 0; }}
.maps svg {{ width: 100%; border: 1px solid #ddd; }}
.legend span {{ margin-right: 1rem; white-space: nowrap; }}
.legend i {{ display: inline-block; width: .8em; height: .8em; border-radius: 50%;
 margin-right: .3em; }}
#hover {{ position: fixed; display: none; background: #fff; border: 1px solid #888;
 padding: .4rem; pointer-events: none; box-shadow: 0 1px 4px #0004; }}
#hover .sprite {{ image-rendering: pixelated; }}
</style></head><body>
"""
_FOOT = """<div id="hover"><div class="sprite"></div><div class="words"></div></div>
<script>
const hover = document.getElementById("hover");
document.addEventListener("pointerover", event => {
  const dot = event.target.closest("circle[data-at]");
  hover.style.display = dot ? "block" : "none";
  if (!dot) return;
  const [column, row] = dot.dataset.at.split(" ").map(Number);
  const maps = dot.closest(".maps").dataset, side = 96;
  const picture = hover.querySelector(".sprite");
  picture.className = "sprite " + maps.sprite;
  picture.style.width = picture.style.height = side + "px";
  picture.style.backgroundSize = `${side * maps.columns}px ${side * maps.rows}px`;
  picture.style.backgroundPosition = `${-side * column}px ${-side * row}px`;
  hover.querySelector(".words").textContent =
    dot.querySelector("title").textContent;
  const far = event.clientX > innerWidth - 140, low = event.clientY > innerHeight - 160;
  hover.style.left = event.clientX + (far ? -130 : 14) + "px";
  hover.style.top = event.clientY + (low ? -150 : 14) + "px";
});
</script></body></html>
"""


class HtmlPage:
    """Parts one below the other, written as a file that needs no other and no network.

    Args:
        title: Of the page.
    """

    def __init__(self, title: str):
        self._parts = [_HEAD.format(title=html.escape(title))]
        self.heading(title, 1)

    def heading(self, words: str, level: int = 2) -> None:
        """Adds a heading.

        Args:
            words: Its text.
            level: 1 for the largest.
        """
        self._parts.append(f"<h{level}>{html.escape(words)}</h{level}>\n")

    def text(self, words: str) -> None:
        """Adds a paragraph."""
        self._parts.append(f"<p>{html.escape(words)}</p>\n")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Adds a table.

        Args:
            head: Words above the columns.
            rows: Cells, as many in each row as there are columns.
        """

        def line(cells: Sequence[str], tag: str) -> str:
            return "".join(f"<{tag}>{html.escape(x)}</{tag}>" for x in cells)

        body = "".join(f"<tr>{line(row, 'td')}</tr>\n" for row in rows)
        self._parts.append(f"<table><tr>{line(head, 'th')}</tr>\n{body}</table>\n")

    def picture(self, figure: "Figure | os.PathLike", caption: str) -> None:
        """Adds a picture.

        Args:
            figure: A figure, or a PNG file.
            caption: What stands below it.
        """
        if isinstance(figure, os.PathLike):
            png = pathlib.Path(figure).read_bytes()
        else:
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=DPI)
            png = buffer.getvalue()
        words = html.escape(caption)
        self._parts.append(
            f'<figure><img alt="{words}" src="{data_uri(png, "png")}">'
            f"<figcaption>{words}</figcaption></figure>\n"
        )

    def fragment(self, markup: str) -> None:
        """Adds markup as it is, such as that of `html_map`."""
        self._parts.append(markup)

    def save(self, path: str | os.PathLike) -> pathlib.Path:
        """Writes the file, and makes its folder where that is missing.

        Args:
            path: Of the file.

        Returns:
            The path.
        """
        path = pathlib.Path(path).expanduser()
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as fresh:
            fresh.write_text("".join([*self._parts, _FOOT]), encoding="utf-8")
        return path


def data_uri(content: bytes, kind: str) -> str:
    """Returns an image as an address that holds it.

    Args:
        content: The image's file.
        kind: "png" or "jpeg".
    """
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
