"""Notebook 08: the analyses of notebooks 01 to 04 on any network and any folder of images.

loading      a network by its name or from a file, with its card
activity     when a unit is active, also where activations can be negative
one_pass     the one pass over the images, and what it keeps of each
analyses     sparseness, PSI, decorrelation and the likeness of layers, as tables
recognition  which images are recognised, and whether PSI goes with it
curves       the histograms, and the curves of the networks of notebooks 01, 02 and 04
workers      what a pass costs, here and on a cluster
"""
