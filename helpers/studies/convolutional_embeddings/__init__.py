"""Notebook 07: the layers and filters of a small CNN (Ruman's second report, and beyond)."""
