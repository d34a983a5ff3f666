"""Published search spaces as symbolic programs with holes, one module per paper.

Each module has ``make_space()``.  Import the module of a paper, such as ``pliant.zoo.nasbench201``; ``pliant.bench`` has
the tables of results.
"""
