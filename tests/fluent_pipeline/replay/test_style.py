from __future__ import annotations

from fluent_eql.rules import SEVERITIES
from fluent_pipeline.replay.style import STYLE


def test_every_severity_has_a_colour_in_light_and_dark() -> None:
    light, dark = STYLE.split("prefers-color-scheme: dark")
    for name in (*SEVERITIES, "other"):
        assert f"--{name}: #" in light
        assert f"--{name}: #" in dark
        assert f"i.{name} " in STYLE
        assert f"rect.{name} " in STYLE


def test_nothing_is_loaded_by_it() -> None:
    assert "url(" not in STYLE
    assert "@import" not in STYLE
