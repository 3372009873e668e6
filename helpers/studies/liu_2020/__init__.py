"""Notebook 04: population sparseness and accuracy (Liu, Zhen & Liu 2020).

tables        PSI of every category in every layer, its variants and nulls; Weibull shapes
correlations  of a measure with accuracy: by layer, crosswise between halves of the images, partial
difficulty    how much the images of a category differ
dips          how deep PSI dips before it rises, and at which steps
controls      PSI of twins, and what of a network's trend and correlation they lose
scales        a network that sees its images larger or smaller
claims        the rules that judge the source's claims
"""
