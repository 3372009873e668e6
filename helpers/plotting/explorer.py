"""Figures to explore in the saved notebook: points that move from layer to layer, and curves."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from PIL import Image

from helpers.plotting.arrays import class_indices, drawable, tabled
from helpers.plotting.style import COLOURS, short_names

if TYPE_CHECKING:
    import altair

_SIDE = 1000  # positions are whole numbers from 0 to this, to keep a notebook small
_PIXELS = 520


_VEGA_LITE = "5.20"  # of the versions that vl-convert draws, the nearest to Altair's
_PICTURE_COLOURS = 64


class Explorer:
    """An interactive figure that needs no kernel: its description in Vega-Lite, and a picture.

    JupyterLab and Visual Studio Code draw the description and fetch nothing for it; GitHub and
    nbviewer show the picture. Colab draws no Vega-Lite: while a notebook runs there, it gets
    HTML instead, which fetches Vega.
    """

    def __init__(self, chart: altair.TopLevelMixin) -> None:
        self.chart = chart

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        import altair

        about = {"text/plain": f"Interactive figure: {self.chart.title}"}
        if "google.colab" in sys.modules:
            return about | {"text/html": self.chart.to_html(fullhtml=False)}
        kind = f"application/vnd.vegalite.v{altair.VEGALITE_VERSION.strip('v').split('.')[0]}+json"
        return about | {kind: self.chart.to_dict(), "image/png": self._picture()}

    def _picture(self) -> str:
        import vl_convert

        drawn = vl_convert.vegalite_to_png(self.chart.to_dict(), vl_version=_VEGA_LITE)
        few = Image.open(io.BytesIO(drawn)).convert("RGB").quantize(_PICTURE_COLOURS)
        few.save(buffer := io.BytesIO(), "PNG", optimize=True)
        return base64.b64encode(buffer.getvalue()).decode()


def embedding_explorer(
    panels: Mapping[str, np.ndarray],
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    title: str = "",
) -> Explorer:
    """Let the reader follow images from layer to layer, in the saved notebook.

    A slider moves the points from panel to panel, the nearest point shows its image, and a
    click on a class in the legend dims the others (shift-click: several).

    Args:
        panels: layer → (n, 2) positions, aligned (`metrics.embeddings.align`).
        images: (n, height, width) uint8, 255 for ink; kept with much loss, 150 bytes each.
        labels: (n,) class indices.
        class_names: a name for each class.
        title: above the figure.

    Returns:
        An object that Jupyter shows; 2,000 images with four layers take 0.4 MB.

    Raises:
        TypeError: points, images or labels are no real numbers.
        ValueError: they are not finite or do not fit each other, or images are not of 0..255.
    """
    import altair as alt

    panels = {key: drawable(x, f"points of {key!r}", 2, finite=True) for key, x in panels.items()}
    images = drawable(images, "images", 3, finite=True)
    if images.min() < 0 or images.max() > 255:
        raise ValueError(f"images hold {images.min():g} to {images.max():g}: give them as 0 to 255")
    for key, points in panels.items():
        if points.shape != (len(images), 2):
            raise ValueError(f"points of {key!r} have shape {points.shape}: ({len(images)}, 2)?")
    labels = class_indices(labels, len(images), len(class_names))
    layers = list(panels)
    table = pd.DataFrame({"c": np.asarray(class_names)[labels]})
    for k, points in enumerate(panels.values()):
        low, high = points.min(axis=0), points.max(axis=0)
        placed = (points - (low + high) / 2) / ((high - low).max() or 1) * _SIDE + _SIDE / 2
        table[[f"x{k}", f"y{k}"]] = placed.round().astype(int)
    table["i"] = [_thumbnail(image) for image in images]
    slide = alt.binding_range(min=0, max=len(layers) - 1, step=0.02, name=" → ".join(layers) + " ")
    depth = alt.param(name="depth", value=0, bind=slide)
    hover = alt.selection_point(name="hover", on="pointerover", nearest=True, empty=False)
    chosen = alt.selection_point(name="chosen", fields=["c"], bind="legend")
    colours = [f"#{int(255 * r):02x}{int(255 * g):02x}{int(255 * b):02x}" for r, g, b in COLOURS]
    axis = {"scale": alt.Scale(domain=[0, _SIDE]), "axis": None}
    points = (
        alt.Chart()
        .mark_circle(size=16)
        .encode(
            x=alt.X("x:Q", **axis),
            y=alt.Y("y:Q", **axis),
            color=alt.Color("c:N", title="class", sort=None).scale(
                domain=list(map(str, class_names)), range=colours[: len(class_names)]
            ),
            opacity=alt.condition(chosen, alt.value(0.75), alt.value(0.06)),
        )
        .add_params(hover, chosen)
    )
    pointed = alt.Chart().transform_filter(hover)
    ring = pointed.mark_point(size=160, color="black", strokeWidth=2).encode(x="x:Q", y="y:Q")
    picture = (
        pointed.transform_calculate(url="'data:image/webp;base64,' + datum.i")
        .mark_image(width=84, height=84, align="left", baseline="top")
        .encode(x=alt.value(0), y=alt.value(0), url="url:N")
    )
    name = pointed.mark_text(align="left", fontSize=13).encode(
        x=alt.value(2), y=alt.value(96), text="c:N"
    )
    where = (
        alt.Chart(alt.InlineData(values=[{}]))
        .transform_calculate(layer=f"{layers!r}[round(depth)]")
        .mark_text(align="right", fontSize=15, fontWeight="bold")
        .encode(x=alt.value(_PIXELS), y=alt.value(8), text="layer:N")
    )
    data = alt.InlineData(table.to_csv(index=False), format=alt.CsvDataFormat(type="csv"))
    chart = (
        alt.layer(points, ring, picture, name, where, data=data)
        .transform_calculate(x=_moving("x", len(layers)), y=_moving("y", len(layers)))
        .add_params(depth)
        .properties(width=_PIXELS, height=_PIXELS, title=title)
        .configure_view(stroke=None)
    )
    return Explorer(chart)


def layer_explorer(table: pd.DataFrame, title: str = "") -> Explorer:
    """Let the reader choose measures and networks, and read values with their intervals.

    Two panels below each other, each with a list of all pairs of network and measure; the
    nearest layer shows its value and interval.

    Args:
        table: network, measure, layer, depth, value, low and high, one row per point; low and
            high may be NaN.
        title: above the figure.

    Returns:
        An object that Jupyter shows; 500 points take 60 kB.

    Raises:
        TypeError: a column of numbers holds something else.
        ValueError: a network has two values of a measure in one layer, a column is missing, a
            number is infinite, or a depth is NaN.
    """
    import altair as alt

    names = ["network", "measure", "layer"]
    table = tabled(table, ["depth"], ["value", "low", "high"], names)
    table = table[[*names, "depth", "value", "low", "high"]].copy()
    table["curve"] = table["measure"] + " — " + table["network"]
    twice = table.duplicated(["curve", "layer"])
    if twice.any():
        raise ValueError(
            f"more than one value: {table[twice].iloc[0][['curve', 'layer']].tolist()}"
        )
    table["short"] = table.groupby("network")["layer"].transform(_all_short)
    curves = list(dict.fromkeys(table["curve"]))
    rows = table.drop(columns=["network", "measure"]).to_csv(index=False, float_format="%.4g")
    numbers = dict.fromkeys(["depth", "value", "low", "high"], "number")
    data = alt.InlineData(rows, format=alt.CsvDataFormat(type="csv", parse=numbers))
    panels = [_panel(name, curves, k) for k, name in enumerate(("upper", "lower"))]
    chart = alt.vconcat(*panels, data=data).properties(title=title).configure_view(stroke=None)
    return Explorer(chart)


def _all_short(layers: pd.Series) -> list[str]:
    short = dict(zip(layers.unique(), short_names(layers.unique()), strict=True))
    return [short[layer] for layer in layers]


def _panel(name: str, curves: list[str], chosen: int) -> altair.LayerChart:
    import altair as alt

    choice = alt.param(
        name=name,
        value=curves[min(chosen, len(curves) - 1)],
        bind=alt.binding_select(options=curves, name=f"{name} panel "),
    )
    near = alt.selection_point(name=f"near_{name}", on="pointerover", nearest=True, empty=False)
    base = (
        alt.Chart()
        .transform_filter(f"datum.curve === {name}")
        .encode(
            x=alt.X(
                "short:N",
                sort=alt.SortField("depth"),
                title="layer, in order of depth",
                axis=alt.Axis(labelAngle=-45),
            )
        )
    )
    value = alt.Y("value:Q", title="value", scale=alt.Scale(zero=False))
    about = [alt.Tooltip("layer:N"), *(alt.Tooltip(f"{c}:Q") for c in ("value", "low", "high"))]
    colour = "#{:02x}{:02x}{:02x}".format(*(int(255 * part) for part in COLOURS[0]))
    line = base.mark_line(color=colour).encode(y=value, order="depth:Q")
    known = base.transform_filter("isValid(datum.low) && isValid(datum.high)")
    interval = known.mark_rule(color=colour, strokeWidth=2).encode(y="low:Q", y2="high:Q")
    points = base.mark_circle(color=colour, opacity=1).encode(
        y=value,
        size=alt.condition(near, alt.value(160), alt.value(50)),
        tooltip=about,
    )
    return (
        alt.layer(interval, line, points.add_params(near))
        .add_params(choice)
        .properties(width=_PIXELS, height=_PIXELS // 3, title=alt.TitleParams(alt.expr(name)))
    )


def _moving(axis: str, layers: int) -> str:
    """Return the position between layers, linear in depth, as a Vega expression."""
    steps = (
        f"(datum.{axis}{k + 1} - datum.{axis}{k}) * clamp(depth - {k}, 0, 1)"
        for k in range(layers - 1)
    )
    return " + ".join([f"toNumber(datum.{axis}0)", *steps])


def _thumbnail(image: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(255 - image.astype(np.uint8)).save(buffer, "WEBP", quality=1, method=6)
    return base64.b64encode(buffer.getvalue()).decode()
