"""Images: grids of thumbnails, contact sheets, examples of classes, and what outputs say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from helpers.data import ImageSet, LabelledImages
from helpers.plotting.arrays import drawable, indices_of, tabled
from helpers.plotting.style import COLOURS, SEQUENTIAL, WIDTH, short_names


def image_grid(
    images: ImageSet, indices: Sequence[int], columns: int = 8, labels: Sequence[str] | None = None
) -> Figure:
    """Show some images of a set as thumbnails, each under its label.

    Args:
        images: the image set.
        indices: which images, in the order shown.
        columns: thumbnails per row.
        labels: a text for each index; default: the categories.

    Raises:
        TypeError: indices are no numbers.
        ValueError: an index is no image of the set, or labels are not one for each index.
    """
    indices = indices_of(indices, len(images), "indices")
    labels = images.category[indices] if labels is None else labels
    if len(labels) != len(indices):
        raise ValueError(f"{len(labels)} labels for {len(indices)} indices: give one for each")
    rows = -(-len(indices) // columns)
    fig, axes = plt.subplots(rows, columns, figsize=(1.15 * columns, 1.35 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, i, label in zip(axes.flat, indices, labels, strict=False):
        axis.imshow(images.thumbnail(i, 96))
        axis.set_title(str(label), fontsize=9, loc="center", pad=2)
    return fig


def contact_sheet(
    images: ImageSet,
    groups: Sequence[str] | None = None,
    per_group: int = 8,
    blocks: int = 1,
    crop: float | None = None,
    side: int = 72,
) -> Figure:
    """Show the first images of every group (category, cluster), a row of thumbnails per group.

    Where groups differ in size, the number of its images stands behind each one's name.

    Args:
        images: the image set, best first.
        groups: (images,) the group of each image; those with "" are left out. Groups are
            shown in the order in which they first occur. Default: the categories.
        per_group: thumbnails per group.
        blocks: columns of groups, for many of them.
        crop: show the whole pictures, and pale what lies outside the centre square that a
            network sees, whose side is this share of the shorter side (1: the largest
            square; 0.875: as in most ImageNet evaluations). Default: that square only.
        side: of a thumbnail, in pixels.

    Raises:
        ValueError: groups do not fit the images, or all are "", or one is missing (None, NaN).
    """
    groups = images.category if groups is None else groups
    if np.ma.is_masked(groups) or pd.isna(np.asarray(groups)).any():
        raise ValueError('groups hold None, NaN or masked values: "" stands for no group')
    groups = np.asarray(groups, str)
    if groups.shape != (len(images),) or not (groups != "").any():
        raise ValueError(
            f"groups of shape {groups.shape} for {len(images)} images: one each, not all empty"
        )
    names = [name for name in dict.fromkeys(groups.tolist()) if name]
    sizes = {name: int((groups == name).sum()) for name in names}
    alike = len(sizes) > 1 and len(set(sizes.values())) == 1
    counts = {name: "" if alike else f" ({size})" for name, size in sizes.items()}
    per_block = -(-len(names) // blocks)
    per_group = min(per_group, max(sizes.values()))
    wide = (WIDTH if blocks > 1 else min(WIDTH, 1.6 + 0.95 * per_group)) / blocks
    high = (wide - 1.6) / per_group
    size = (wide * blocks, max(0.26, high) * per_block + 0.2)
    fig, axes = plt.subplots(1, blocks, figsize=size, squeeze=False)
    for b, axis in enumerate(axes.flat):
        part = names[b * per_block : (b + 1) * per_block]
        sheet = np.full((per_block * side, per_group * side, 3), 255, np.uint8)
        for row, name in enumerate(part):
            for column, i in enumerate(np.flatnonzero(groups == name)[:per_group]):
                cell = images.thumbnail(i, side - 4) if crop is None else _whole(
                    images[int(i)], side - 4, crop
                )  # fmt: skip
                at = (row * side + 2, column * side + 2)
                sheet[at[0] : at[0] + side - 4, at[1] : at[1] + side - 4] = cell
        axis.imshow(sheet)
        labels = [name.replace("_", " ") + counts[name] for name in part]
        axis.set_yticks((np.arange(len(part)) + 0.5) * side, labels, fontsize=9)
        axis.set(xticks=[])
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
    return fig


def activation_maps(
    image: np.ndarray, maps: Mapping[str, np.ndarray], channels: int = 6, columns: int = 2
) -> Figure:
    """Show an image and, below it, some feature maps of a few layers, a row of maps per layer.

    Shown are channels from the one whose map varies most to the middle one of those that are
    active, brighter where they are more active; each map has a scale of its own, which ends at
    its 99th percentile.

    Args:
        image: uint8 (height, width, 1 or 3).
        maps: layer -> (height, width, channels) activations of that image.
        channels: maps per layer.
        columns: of the picture, which is drawn beside all rows.

    Raises:
        TypeError: image or maps hold no real numbers.
        ValueError: they have another shape, or hold NaN or infinity.
    """
    image = drawable(image, "image", 3, finite=True)
    if image.shape[-1] not in (1, 3) or not np.isin(image, np.arange(256)).all():
        raise ValueError(
            f"image must hold whole numbers of 0 to 255 (height, width, 1 or 3), got {image.shape} "
            f"of {image.min():g} to {image.max():g}"
        )
    image = image.astype(np.uint8)
    maps = {layer: drawable(x, f"maps of {layer!r}", 3, finite=True) for layer, x in maps.items()}
    size = (1.35 * (channels + columns) + 0.4, 1.35 * len(maps) + 0.3)
    fig, axes = plt.subplots(len(maps), channels + columns, figsize=size, squeeze=False)
    grid = axes[0, 0].get_gridspec()
    for axis in axes[:, :columns].flat:
        axis.remove()
    picture = fig.add_subplot(grid[:, :columns])
    picture.imshow(image, cmap="gray")
    picture.set_title("image", fontsize=10, loc="center")
    picture.axis("off")
    names = short_names(list(maps))
    for line, name, (layer, x) in zip(axes[:, columns:], names, maps.items(), strict=True):
        spread = x.std(axis=(0, 1))
        order = np.argsort(-spread, kind="stable")
        last = max(channels, np.count_nonzero(spread) // 2)
        shown = order[np.linspace(0, min(last, len(order)) - 1, channels).astype(int)]
        for axis, channel in zip(line, shown, strict=True):
            top = np.percentile(x[..., channel], 99) or None
            axis.imshow(x[..., channel], cmap=SEQUENTIAL, vmax=top, interpolation="nearest")
        for axis in line:
            axis.axis("off")
        size_text = "×".join(map(str, x.shape))
        own = "" if name == layer else f" ({layer})"
        line[0].set_title(f"{name}{own}: {size_text}", fontsize=10, loc="left")
    return fig


def class_examples(sets: Sequence[LabelledImages], each: int) -> Figure:
    """Show the first training images of every class, a block of rows for each data set.

    Args:
        sets: data sets with ten classes or so.
        each: images of every class.
    """
    size = (min(WIDTH, 5.2 * len(sets)), 0.5 * each + 0.9)
    fig, axes = plt.subplots(1, len(sets), figsize=size, squeeze=False)
    for axis, arrays in zip(axes.flat, sets, strict=True):
        classes = range(len(arrays.class_names))
        chosen = [arrays.x_train[arrays.y_train == c][:each] for c in classes]
        framed = [np.pad(images, ((0, 0), (1, 1), (1, 1))) for images in chosen]
        axis.imshow(np.block([[images[k] for images in framed] for k in range(each)]), "gray_r")
        width = arrays.x_train.shape[2] + 2
        middles = width * (np.array(classes) + 0.5)
        axis.set_xticks(middles, arrays.class_names, rotation=45, ha="right", fontsize=9)
        axis.set(yticks=[])
        axis.set_title(arrays.title, fontsize=9)
        axis.spines[:].set_visible(False)
    return fig


def top_outputs(images: ImageSet, table: pd.DataFrame, columns: int = 4) -> Figure:
    """Show images, each above bars of a network's most probable classes, the right one marked.

    Args:
        images: those to show, each under its category.
        table: columns image (its place in `images`), name, probability and right (bool), a row
            per image and class, the most probable first; as `models.top` gives but for `right`.
        columns: images per row.

    Raises:
        TypeError: a column of numbers holds something else.
        ValueError: a column is missing, the table is empty, a probability is not finite, or an
            image is not one of the set.
    """
    table = tabled(table, ["probability"], others=["image", "name", "right"])
    table = table.assign(image=indices_of(table["image"], len(images), "column image of the table"))
    lines = -(-len(images) // columns)
    heights = [1.3, 1] * lines
    size = (min(WIDTH, 2.9 * columns), 3.3 * lines)
    fig, axes = plt.subplots(2 * lines, columns, figsize=size, squeeze=False, height_ratios=heights)
    for axis in axes.flat:
        axis.axis("off")
    for k, (image, rows) in enumerate(table.groupby("image")):
        line, column = divmod(k, columns)
        above, below = axes[2 * line, column], axes[2 * line + 1, column]
        above.imshow(images.thumbnail(image, 128))
        above.set_title(images.category[image][:26], fontsize=10, loc="center", pad=3)
        places = np.arange(len(rows))
        colours = ["0.85", (*COLOURS[1], 0.75)]
        below.barh(places, rows["probability"], color=[colours[bool(r)] for r in rows["right"]])
        for place, name, share in zip(places, rows["name"], rows["probability"], strict=True):
            below.text(0.01, place, str(name).split(",")[0][:26], va="center", fontsize=9)
            percent = f"{share:.0%}" if share >= 0.01 else "<1%"
            below.text(1.02, place, percent, va="center", fontsize=9, ha="left")
        below.set(xlim=(0, 1.15), ylim=(len(rows) - 0.5, -0.5))
    return fig


def _whole(pixels: np.ndarray, side: int, crop: float) -> np.ndarray:
    """Return a whole picture within a white square, pale outside the part that is seen."""
    height, width = pixels.shape[:2]
    coloured = np.ascontiguousarray(np.broadcast_to(pixels, (height, width, 3)))
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = Image.fromarray(coloured).resize(size, Image.Resampling.LANCZOS)
    half = crop * min(size) / 2
    left, top = size[0] / 2 - half, size[1] / 2 - half
    seen = (round(left), round(top), round(left + 2 * half), round(top + 2 * half))
    pale = Image.blend(small, Image.new("RGB", size, "white"), 0.65)
    pale.paste(small.crop(seen), seen[:2])
    ImageDraw.Draw(pale).rectangle((*seen[:2], seen[2] - 1, seen[3] - 1), outline=(30, 30, 30))
    sheet = Image.new("RGB", (side, side), "white")
    sheet.paste(pale, ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.asarray(sheet)
