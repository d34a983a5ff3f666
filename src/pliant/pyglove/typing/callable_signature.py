"""Signatures of functions, under the name that PyGlove's module has.

PyGlove's ``Signature.make_function`` compiles text of functions and is left out; ``Signature.to_parameters`` gives a function
that exists the signature.
"""

from __future__ import annotations

from .signatures.reading import schema, signature
from .signatures.signature import Argument, CallableType, Signature

__all__ = ["Argument", "CallableType", "Signature", "schema", "signature"]
