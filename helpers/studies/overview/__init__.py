"""Notebook 00: questions, answers and measures of layers, from the tables that are committed."""

from helpers.studies.overview.curves import layer_table
from helpers.studies.overview.questions import answers, draw, photo_decorrelation

__all__ = ["answers", "draw", "layer_table", "photo_decorrelation"]
