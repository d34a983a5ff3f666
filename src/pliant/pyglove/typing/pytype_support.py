"""Names for type checkers, under the name that PyGlove's module has; none are needed at run time."""

from __future__ import annotations
