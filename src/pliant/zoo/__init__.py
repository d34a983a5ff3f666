"""Floor 4: published search spaces as symbolic programs with holes, one file per paper.

Each file offers ``make_space()`` and what the paper says of its programs.  No tables of results and no search:
``bench`` looks programs up in tables.  Import the file of a paper, such as ``pliant.zoo.nasbench201``.
"""
