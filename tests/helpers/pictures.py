"""Pictures that are drawn and not painted: the greater part of what a page costs is matplotlib's rendering.

A figure is made as ever, with all its axes and data, and becomes an ``<svg>`` of its words alone. Tests that are about
pages or pictures, by their name or their folder, have every picture painted.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

import pytest
from matplotlib.figure import Figure

_PAINTED = ("report", "page", "picture", "svg", "plot", "html", "draw")
_paint = Figure.savefig


class Unpainted:
    """Figures are painted only in tests that look at them."""

    painting = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self.painting = any(word in item.nodeid.lower() for word in _PAINTED)

    def save(self, figure: Figure, target: Any, *args: Any, **kwargs: Any) -> None:
        """In place of ``Figure.savefig``; files are painted always."""
        if self.painting or not isinstance(target, BytesIO) or kwargs.get("format") != "svg":
            _paint(figure, target, *args, **kwargs)
            return
        width, height = (round(72 * inches) for inches in figure.get_size_inches())
        words = "".join(f"<text>{escape(word)}</text>" for word in _words(figure))
        size = f'width="{width}pt" height="{height}pt" viewBox="0 0 {width} {height}"'
        target.write(f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{words}</svg>'.encode())


def _words(figure: Figure) -> list[str]:
    """What a figure says, without the labels of ticks."""
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()]
        found += [text.get_text() for text in axes.texts]
        legend = axes.get_legend()
        found += [] if legend is None else [text.get_text() for text in legend.get_texts()]
    return [word for word in found if word]


def install(config: pytest.Config) -> None:
    """For the whole session."""
    unpainted = Unpainted()
    config.pluginmanager.register(unpainted)
    Figure.savefig = lambda figure, target, *args, **kwargs: unpainted.save(figure, target, *args, **kwargs)
