"""Notebook 05: the layers of an MLP, embedded in the plane (Ruman 2021)."""
