from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from ekg.paper.tables import html_of, markdown_of, text_of, with_interval


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (pd.NA, "–"),
        (True, "yes"),
        (np.int64(3311), "3,311"),
        (0.79044, "0.790"),
        (np.float32(0.5), "0.500"),
        (1234.56, "1,234.6"),
        ("AF", "AF"),
    ],
)
def test_cells(value: object, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("value", "interval", "text"),
    [
        (0.79, [0.767, 0.813], "0.790 (0.767–0.813)"),
        (0.79, None, "0.790"),
        (0.79, [None, None], "0.790"),
        (None, [0.1, 0.2], "–"),
        (math.nan, None, "–"),
    ],
)
def test_values_with_intervals(
    value: float | None, interval: list[float | None] | None, text: str
) -> None:
    assert with_interval(value, interval) == text


def test_markdown_aligns_numbers_right_and_escapes_bars() -> None:
    table = pd.DataFrame({"class": ["a|b", "c"], "F1": ["0.5 (0.4–0.6)", "–"], "n": [1, 2000]})
    assert markdown_of(table).splitlines() == [
        "| class | F1 | n |",
        "| --- | ---: | ---: |",
        "| a\\|b | 0.5 (0.4–0.6) | 1 |",
        "| c | – | 2,000 |",
    ]


def test_html_escapes_every_cell_and_head() -> None:
    page = html_of(pd.DataFrame({"<b>": ["<script>alert(1)</script>"], "n": [3]}))
    assert "<script>" not in page
    assert "&lt;b&gt;" in page
    assert '<td class="number">3</td>' in page
