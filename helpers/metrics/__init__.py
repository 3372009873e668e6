"""Measures of activations on NumPy arrays: no networks, no files, no figures.

sparsity    how few units hold the activation: Gini, Hoyer, PSI and their nulls, histograms
similarity  images compared within a layer, layers compared by their images
embeddings  activations in the plane, and how far they keep neighbours and classes
accuracy    how well classes can be read off activations
intervals   the uncertainty of statistics: bootstrap, correlations, trends, permutation tests
checks      what measures ask of their arrays, for measures of your own
"""

__all__ = ["accuracy", "checks", "embeddings", "intervals", "similarity", "sparsity"]
