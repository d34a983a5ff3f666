"""``pliant bench``: search algorithms compared on tasks whose answer is known.

``command`` reads what was typed, ``tournament`` does it, ``display`` shows how far it is, ``report`` what came out.
"""
