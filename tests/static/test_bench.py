"""The benchmark goes by what the package ships."""

import pytest

from tests.bench import spread
from tests.world import ROOT


def test_the_timer_s_settings_are_the_unit_s_own() -> None:
    text = (ROOT / "systemd" / "ospool-ep-image.timer").read_text()
    assert spread.settings(text) == (86_400, 600)
    with pytest.raises(AssertionError):
        spread.settings(text.replace("FixedRandomDelay=yes", ""))
