"""Notebook 04: population sparseness and accuracy (Liu, Zhen & Liu 2020)."""
