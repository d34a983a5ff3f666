"""``pliant study``: what is in studies, and what to do with them.  A search is run by ``pliant search``."""
