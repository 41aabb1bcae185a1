"""The tests. A failed `assert` in a helper says what its values were, as one in a test does."""

import pytest

pytest.register_assert_rewrite("tests.helpers")
