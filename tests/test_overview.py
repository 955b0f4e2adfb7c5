"""The map of the field: what is committed is what the script draws, and it shows the whole course."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from assets import draw_overview as overview

FIELD = {
    "Development": ["experiment tracking", "model registry", "data & feature versioning", "feature stores"],
    "Serving &": ["online vs batch", "containers (Docker)", "orchestration (Kubernetes)"],
    "CI/CD/CT &": ["continuous integration", "continuous delivery", "continuous training"],
    "Monitoring &": ["model performance", "data and concept drift", "infrastructure"],
    "Security & governance": ["access control (IAM)", "data privacy (PII)", "model governance"],
}
ROUND = ["data", "track", "register", "serve", "deliver", "monitor", "act"]


def test_the_committed_svg_is_the_drawn_one():
    """The picture is never edited by hand."""
    assert overview.SVG.read_text(encoding="utf-8") == overview.draw(), "run make assets"


def test_the_png_shows_that_svg():
    """The PNG carries the digest of the SVG it was made from."""
    png = overview.PNG.read_bytes()
    assert png.startswith(b"\x89PNG")
    assert overview.digest(overview.draw()).encode() in png, "run make assets"


def test_the_picture_names_every_part_of_the_field():
    """Five groups, their items and the seven stations are text, which can be searched and read aloud."""
    words = {element.text for element in ET.fromstring(overview.draw()).iter() if element.tag.endswith("}text")}
    assert words.issuperset(FIELD)
    assert words.issuperset(item for items in FIELD.values() for item in items)
    assert words.issuperset(ROUND)


def test_text_is_large_enough_in_the_readme():
    """At 900 pixels wide, no letter is set smaller than 12 pixels."""
    sizes = [float(element.get("font-size", 99)) for element in ET.fromstring(overview.draw()).iter()]
    assert min(sizes) * 900 / overview.WIDTH >= 12
