"""Notebook 06: what happens to the layers while a network learns?

training    networks trained with a recorder: what their layers measure at some 20 steps
dynamics    when layers settle, and what a quantity that the steps measure depends on
smoothness  24 small networks, DeCov among them: is smooth decorrelation better?
claims      the rules that judge the sources' claims
"""
