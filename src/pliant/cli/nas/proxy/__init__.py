"""Tools for a proxy task, the short training whose reward stands in for the long one: is it ordered as the long one, and repeatable?

``spread``, ``agreement`` and ``steadiness`` are the arithmetic, and run nothing; ``selection``, ``hunt`` and ``measurement`` run
trainers and go on where they were stopped, with what ``state`` keeps.
"""
