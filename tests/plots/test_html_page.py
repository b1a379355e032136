import html.parser
import re
import shutil
import subprocess

import numpy as np
import pytest

from keras_contrastive.plots import HtmlPage, html_map
from keras_contrastive.plots.figure import new_figure

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_VOID = {"meta", "img"}


class Parsed(html.parser.HTMLParser):
    """Tags that are left open, the text, and all addresses."""

    def __init__(self, text):
        super().__init__()
        self.open, self.words, self.addresses = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in _VOID:
            self.open.append(tag)
        self.addresses += [x for key, x in attributes if key in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def features(count=30, dim=5, classes=3):
    rng = np.random.default_rng(0)
    labels = np.arange(count) % classes
    return rng.normal(size=(count, dim)) + 10 * np.eye(classes, dim)[labels], labels


def images(count=30):
    """Each of one grey, so that a pixel says which it is."""
    greys = np.linspace(40, 250, count).astype(np.uint8)
    return np.broadcast_to(greys[:, None, None, None], (count, 16, 16, 1))


def page():
    made = HtmlPage("<run> & co")
    made.heading("Curves")
    made.text("a < b")
    made.table(("name", "value"), [("loss", "1.0"), ("<script>", "2")])
    figure = new_figure(2, 1)
    figure.subplots().plot([1, 2])
    made.picture(figure, 'a "curve"')
    made.fragment(html_map(*features(), images(), ["cat", "<dog>", "owl"]))
    return made


def test_a_page_is_whole_and_asks_for_nothing(tmp_path):
    path = page().save(tmp_path / "new" / "page.html")
    text = path.read_text()
    parsed = Parsed(text)
    assert not parsed.open
    assert [x[:22] for x in parsed.addresses] == ["data:image/png;base64,"]
    assert not re.findall(r"https?:", text)
    words = "".join(parsed.words)
    for said in ("<run> & co", "a < b", "<script>", "<dog>"):
        assert said in words
    assert "default-src 'none'" in text
    assert not list(path.parent.glob("*.tmp*"))


def test_a_map_has_a_dot_an_image_that_says_where_it_is():
    values, labels = features()
    text = html_map(values, labels, images(), methods=("pca",))
    dots = re.findall(
        r'cx="([\d.]+)" cy="([\d.]+)" .*?fill="(#\w+)".*?data-at="(\d+) (\d+)"><title>'
        r"(\w+)</title>",
        text,
    )
    assert len(dots) == 30
    for number, (x, y, _, column, row, name) in enumerate(dots):
        assert 0 <= float(x) <= 480
        assert 0 <= float(y) <= 400
        assert 6 * int(row) + int(column) == number
        assert name == str(labels[number])
    assert len({(color, name) for _, _, color, *_, name in dots}) == 3
    # Classes that lie apart in 5 dimensions do on the map.
    points = np.array([(float(x), float(y)) for x, y, *_ in dots])
    centres = np.stack([points[labels == c].mean(axis=0) for c in range(3)])
    far = np.linalg.norm(points[:, None] - centres, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(far, labels)


def test_a_map_needs_an_image_a_feature():
    with pytest.raises(ValueError, match="`images` must be one a feature"):
        html_map(*features(), images(29))


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_in_a_browser_hovering_shows_the_image(tmp_path):
    """The page's own script, driven by an event, and no word on the console."""
    path = page().save(tmp_path / "page.html")
    driver = """<script>
    const dot = document.querySelectorAll("circle")[8];
    dot.dispatchEvent(new PointerEvent("pointerover", {bubbles: true, clientX: 50}));
    const shown = document.querySelector("#hover .sprite");
    const style = getComputedStyle(shown);
    document.title = [
      getComputedStyle(hover).display, style.backgroundPosition,
      style.backgroundSize, style.backgroundImage.slice(0, 20),
      hover.querySelector(".words").textContent,
    ].join("|");
    </script>"""
    path.write_text(path.read_text().replace("</body>", driver + "</body>"))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]
    flags += ["--no-first-run", "--disable-background-networking", "--disable-sync"]
    flags += ["--enable-logging=stderr", f"--user-data-dir={tmp_path / 'user'}"]
    run = subprocess.run(
        [CHROMIUM, *flags, "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    title = re.search(r"<title>(.*?)</title>", run.stdout).group(1)
    display, position, size, picture, words = title.split("|")
    assert display == "block"
    # The ninth of 30 in rows of 6: column 2 of row 1.
    assert position == "-192px -96px"
    assert size == "576px 480px"
    assert picture.startswith('url("data:image/jpeg')
    assert words == "owl"
    assert "CONSOLE" not in run.stderr
