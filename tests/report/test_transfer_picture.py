"""The transfer matrix is drawn whole: no letter of it lies outside the picture."""

from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from seqrobust.analysis.compare.picture import transfer_picture

NAMES = ("a", "b", "promoter_cnn_wide", "promoter_gru_robust")


@pytest.mark.parametrize("models", [2, 3, 4])
@pytest.mark.parametrize("budgets", [1, 2, 3])
def test_nothing_is_cut_off(models: int, budgets: int) -> None:
    names = list(NAMES[-models:] if models > 2 else NAMES[:2])
    pairs = [{"source": one, "target": other, "rate": 0.4} for one in names for other in names]
    rows = [{"budget": level, "pairs": pairs} for level in range(1, budgets + 1)]
    figure = transfer_picture({"names": names, "budgets": rows, "unit": "letter"})
    FigureCanvasAgg(figure).draw()
    size = figure.bbox
    for axes in figure.axes:
        labels = [axes.xaxis.label, axes.yaxis.label, *axes.get_xticklabels(), *axes.get_yticklabels()]
        titles = [part for part in axes.get_children() if getattr(part, "get_text", str)() and part not in labels]
        for text in [*labels, *(part for part in titles if hasattr(part, "get_text"))]:
            if text.get_text():
                box = text.get_window_extent()
                assert box.x0 > -1, text
                assert box.y0 > -1, text
                assert box.x1 < size.x1 + 1, text
                assert box.y1 < size.y1 + 1, text
