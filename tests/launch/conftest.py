"""Messages of the launchers' suite that show values."""

import pytest

pytest.register_assert_rewrite("pliant.testing.launchers", "pliant.testing.commands")
