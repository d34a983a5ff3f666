"""Parts of PyGlove that Pliant leaves out say so."""

from __future__ import annotations

import pytest

from pliant.pyglove import coding


def test_coding():
    with pytest.raises(
        AttributeError, match=r"coding\.evaluate: running code from text is not part of Pliant"
    ):
        coding.evaluate  # noqa: B018
