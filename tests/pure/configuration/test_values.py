"""What the text of a value stands for."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospool_ep.configuration.values import as_length


@given(st.decimals(min_value=0, max_value=Decimal("999999.999"), places=3))
def test_each_decimal_number_above_0_is_a_length(number: Decimal) -> None:
    assert as_length(f"{number:f}") == (pytest.approx(float(number)) if number else None)


@given(st.text(alphabet="0123456789.,+-eE_ infa\u0661\n", max_size=12))
def test_no_other_text_is_a_length(text: str) -> None:
    length = as_length(text)
    written = text.count(".") <= 1 and text.replace(".", "").isascii() and text.replace(".", "").isdigit()
    assert (length is not None) == (written and 0 < float(text) < 1_000_000)
    assert length is None or length == float(text)
