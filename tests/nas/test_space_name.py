"""The names of functions in the record of a job, which may be damaged."""

from __future__ import annotations

import pytest

from pliant.cli.nas.space import load_function
from pliant.nas.errors import NasError


@pytest.mark.parametrize("text", [1.5, True, [], {}, "", ".", ":", "os."], ids=repr)
def test_what_does_not_name_a_function(tmp_path, text):
    with pytest.raises(NasError, match=r"--flag names a module and a function in it, such as a\.b; got "):
        load_function(text, str(tmp_path), "flag", "a.b")
