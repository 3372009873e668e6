"""Measures of activations. They know NumPy arrays only: no networks, no files, no figures."""
