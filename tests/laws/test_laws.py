"""The laws of the guarantee hold for whatever arrives, in whatever order it is read."""

import pytest
from hypothesis import given, settings

from tests.laws import laws
from tests.laws.product import Product
from tests.laws.stories import Story, stories


@pytest.mark.parametrize("law", laws.ALL, ids=lambda law: law.__name__)
@settings(max_examples=300)
@given(story=stories())
def test_law_holds(law, story: Story) -> None:
    law(Product, story)
