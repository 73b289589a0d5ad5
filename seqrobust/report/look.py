"""How every picture looks, and how it is written: one palette, one type scale, the same bytes for the same data.

Colours are those of Okabe and Ito (2008), which people with the common colour-vision deficiencies tell apart. Neutral
colours become CSS variables on the page, so that pictures follow its light or dark scheme.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import ParamSpec
from xml.etree import ElementTree

from markupsafe import Markup
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqrobust.files import replacing

INK, MUTED, RULE, SHADE, PAPER = "#1d2733", "#5f6b79", "#d3dae1", "#e7ebf0", "#ffffff"
ATTACK, CONTROL, CLEAN, EXTRA = "#d55e00", "#8793a0", "#0072b2", "#009e73"

_VARIABLES = {INK: "--ink", MUTED: "--muted", RULE: "--rule", SHADE: "--shade", PAPER: "--paper"}
_PAGE_POINTS = 1.4
"""CSS pixels per point: type of 8.5 pt reads as 12 px beside the page's text."""
_NARROWEST = 560
"""CSS pixels below which a picture is scrolled rather than shrunk: its type would be too small to read."""

LOOK = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "auto",
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    # A label such as 'a$b$' is a name from somebody's file, not a formula.
    "text.parse_math": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "svg.hashsalt": "seqrobust",
}

P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw under our look, whatever the user's own matplotlib settings are."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with _look():
            return draw(*args, **kwargs)

    return drawn


@contextmanager
def _look(**settings: str) -> Iterator[None]:
    with warnings.catch_warnings(), style.context(["default", {**LOOK, **settings}]):
        # A label may hold letters that the font lacks; the browser has a font that does not.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def empty_axes(axes: Axes) -> None:
    """Take away everything but what is drawn on purpose."""
    axes.set_axis_off()
    axes.grid(False)


def save_picture(figure: Figure, path: Path, *, width_in_pixels: int = 1400) -> None:
    """Write a picture as PNG (on white) or SVG, by the suffix; the file appears whole or not at all."""
    kind = path.suffix.lstrip(".").lower()
    nameless = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}.get(kind, {})
    with _look(**{"svg.fonttype": "path"}), replacing(path) as temporary:
        dpi = width_in_pixels / figure.get_size_inches()[0]
        figure.savefig(temporary, format=kind, dpi=dpi, facecolor=PAPER, metadata=nameless)


def svg_markup(figure: Figure, name: str, description: str) -> Markup:
    """A picture as an inline ``<svg>``: ids made unique with ``name``, neutral colours as variables, text as text."""
    buffer = BytesIO()
    with _look(**{"svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", buffer.getvalue().decode())
    root = ElementTree.fromstring(text)
    for parent in root.iter():
        for child in [c for c in parent if c.tag.endswith(("}metadata", "}style"))]:
            parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = {key.rpartition("}")[2]: _attribute(key, value, name) for key, value in element.attrib.items()}
    _drop_idle_ids(root)
    width = float(root.attrib.pop("width").removesuffix("pt"))
    for key in ("height", "version"):
        root.attrib.pop(key, None)
    pixels = round(width * _PAGE_POINTS)
    size = f"width:{pixels}px;min-width:{min(pixels, _NARROWEST)}px"
    root.attrib |= {"role": "img", "aria-label": description, "style": size}
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _drop_idle_ids(root: ElementTree.Element) -> None:
    """Keep the ids that something refers to, the first of each: matplotlib defines a marker once per axis."""
    values = [value for element in root.iter() for key, value in element.attrib.items() if key != "id"]
    wanted = set(re.findall(r"(?:^#|url\(#)([^)\n]+)", "\n".join(values), flags=re.M))
    for element in root.iter():
        name = element.attrib.get("id")
        if name in wanted:
            wanted.remove(name)
        else:
            element.attrib.pop("id", None)


def _attribute(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key.endswith("href") and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    value = value.replace("url(#", f"url(#{name}-")
    for colour, variable in _VARIABLES.items():
        value = value.replace(colour, f"var({variable})")
    return re.sub(r"'DejaVu Sans'(, [^;]+)?", "var(--font)", value) if key == "style" else value
