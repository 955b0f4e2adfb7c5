"""Draw the map of the field, mlops-overview.svg and .png, beside this file; `make assets` runs it.

The SVG is plain text, the same on any machine. The PNG is that SVG as Chromium shows it, in the Inter font where
that is installed (Debian: fonts-inter); it carries the SVG's digest, so that a test sees when the two differ.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import zlib
from dataclasses import dataclass
from html import escape
from math import cos, radians, sin
from pathlib import Path

SVG = Path(__file__).with_name("mlops-overview.svg")
PNG = SVG.with_suffix(".png")
DIGEST_KEY = "svg-sha256"

WIDTH, HEIGHT = 1200, 812
INK, MUTED, PAPER, CARD, LINE = "#1f2a37", "#586474", "#faf8f3", "#ffffff", "#e2dccf"
FONTS = "Inter, 'Helvetica Neue', 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif"


@dataclass(frozen=True)
class Group:
    """One of the five groups of the field: its name in lines, the labs that practise it, what belongs to it."""

    title: tuple[str, ...]
    labs: str
    colour: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Station:
    """A stop of the running case on its way round, and what it hands to the next one."""

    name: str
    group: Group
    hands_on: str


DEVELOPMENT = Group(
    ("Development", "lifecycle"),
    "labs 01 · 02",
    "#35649c",
    ("experiment tracking", "model registry", "data & feature versioning", "feature stores"),
)
SERVING = Group(
    ("Serving &", "deployment"),
    "lab 03",
    "#23776f",
    ("online vs batch", "containers (Docker)", "orchestration (Kubernetes)"),
)
PIPELINES = Group(
    ("CI/CD/CT &", "pipelines"),
    "lab 04",
    "#8f5f12",
    ("continuous integration", "continuous delivery", "continuous training"),
)
MONITORING = Group(
    ("Monitoring &", "observability"),
    "lab 05",
    "#a84a38",
    ("model performance", "data and concept drift", "infrastructure"),
)
GOVERNANCE = Group(
    ("Security & governance",),
    "lab 06",
    "#5d5288",
    ("access control (IAM)", "data privacy (PII)", "model governance"),
)

ROUND = (
    Station("data", DEVELOPMENT, "snapshot"),
    Station("track", DEVELOPMENT, "best run"),
    Station("register", DEVELOPMENT, "champion"),
    Station("serve", SERVING, "image"),
    Station("deliver", PIPELINES, "release"),
    Station("monitor", MONITORING, "alert"),
    Station("act", MONITORING, "new sales"),
)
STEP = 360 / len(ROUND)
CENTRE_X, CENTRE_Y, RADIUS, STATION_RADIUS = 600, 382, 186, 44


def main() -> None:
    """Write both pictures, the SVG first."""
    svg = draw()
    SVG.write_text(svg, encoding="utf-8")
    PNG.write_bytes(with_digest(photograph(svg), svg))
    print(f"{SVG.name} {SVG.stat().st_size:,} bytes, {PNG.name} {PNG.stat().st_size:,} bytes")


def draw() -> str:
    """The whole picture as SVG text."""
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">',
        f'<g font-family="{FONTS}">',
        '<title id="title">The map of MLOps</title>',
        f'<desc id="description">{escape(description())}</desc>',
        sheet(1, 1, WIDTH - 2, HEIGHT - 2, corner=24, fill=PAPER),
        *heading(),
        *leads(),
        *track(),
        *house(),
        *card(DEVELOPMENT, 40, 126),
        *card(SERVING, 844, 126),
        *card(MONITORING, 40, 392),
        *card(PIPELINES, 844, 392),
        *foundation(GOVERNANCE, 40, 664),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def description() -> str:
    """The picture in words, for whoever cannot see it."""
    groups = (DEVELOPMENT, SERVING, PIPELINES, MONITORING, GOVERNANCE)
    fields = "; ".join(f"{' '.join(group.title)}: {', '.join(group.items)}" for group in groups)
    return (
        f"House prices go round: {', '.join(stop.name for stop in ROUND)}, and again. Around and beneath it: {fields}."
    )


def heading() -> list[str]:
    """The title and the running case."""
    return [
        text("MLOps, end to end", 44, 66, size=36, weight=700),
        text("One case all the way round: house prices in a market that moves", 44, 98, size=20, colour=MUTED),
    ]


def leads() -> list[str]:
    """A line from each card to the station where its part of the round begins."""
    ends = {"data": (356, 312), "serve": (844, 312), "deliver": (844, 440), "act": (356, 440)}
    lines = []
    for index, stop in enumerate(ROUND):
        if stop.name in ends:
            (x1, y1), (x2, y2) = on_ring(index * STEP), ends[stop.name]
            path = f"M{x1:.0f} {y1:.0f} L{x2} {y2}"
            lines.append(f'<path d="{path}" stroke="{stop.group.colour}" stroke-width="3" opacity="0.45"/>')
    return lines


def track() -> list[str]:
    """The ring: arrows between the stations, what travels on each, and the stations themselves."""
    shapes = [
        '<marker id="head" viewBox="0 0 10 10" refX="6" refY="5" markerWidth="4.2" markerHeight="4.2" orient="auto">',
        f'<path d="M0 0 L10 5 L0 10 z" fill="{MUTED}"/>',
        "</marker>",
    ]
    for index, stop in enumerate(ROUND):
        angle = index * STEP
        (x1, y1), (x2, y2) = on_ring(angle + 15.5), on_ring(angle + STEP - 16.5)
        shapes.append(
            f'<path d="M{x1:.1f} {y1:.1f} A{RADIUS} {RADIUS} 0 0 1 {x2:.1f} {y2:.1f}" fill="none" stroke="{MUTED}" '
            'stroke-width="4" stroke-linecap="round" marker-end="url(#head)"/>'
        )
        x, y = on_ring(angle + STEP / 2, radius=RADIUS - 52)
        shapes.append(text(stop.hands_on, x, y + 5, size=16, colour=MUTED, anchor="middle", style="italic"))
    for index, stop in enumerate(ROUND):
        x, y = on_ring(index * STEP)
        shapes.append(disc(x, y, STATION_RADIUS, stop.group.colour))
        shapes.append(text(stop.name, x, y + 6, size=18, weight=600, colour="#ffffff", anchor="middle"))
    return shapes


def house() -> list[str]:
    """The running case in the middle: a house and the price line that climbs over it."""
    blue, red = DEVELOPMENT.colour, MONITORING.colour
    return [
        f'<g transform="translate({CENTRE_X} {CENTRE_Y})" stroke-linejoin="round" stroke-linecap="round" fill="none">',
        f'<path d="M28 -14 V-52 H42 V-4" fill="{CARD}" stroke="{blue}" stroke-width="4"/>',
        f'<path d="M-46 -4 V50 H46 V-4 L0 -42 Z" fill="{CARD}" stroke="{blue}" stroke-width="4"/>',
        f'<path d="M-62 10 L0 -42 L62 10" stroke="{blue}" stroke-width="6"/>',
        f'<path d="M-32 34 L-14 24 L2 30 L30 8" stroke="{red}" stroke-width="4"/>',
        "</g>",
        disc(CENTRE_X + 30, CENTRE_Y + 8, 6, red),
        text("house prices", CENTRE_X, CENTRE_Y + 78, size=18, weight=600, anchor="middle"),
    ]


def card(group: Group, x: int, y: int) -> list[str]:
    """A group with its items, 316 wide and 246 high."""
    shapes = [
        sheet(x, y, 316, 246),
        f'<rect x="{x}" y="{y + 22}" width="6" height="74" rx="3" fill="{group.colour}"/>',
        text(group.labs, x + 292, y + 80, size=16, weight=600, colour=group.colour, anchor="end"),
    ]
    shapes += [
        text(line, x + 24, y + 48 + 32 * row, size=25, weight=700, colour=group.colour)
        for row, line in enumerate(group.title)
    ]
    for row, item in enumerate(group.items):
        shapes += bullet(item, x + 26, y + 128 + 31 * row, group.colour)
    return shapes


def foundation(group: Group, x: int, y: int) -> list[str]:
    """The group that everything stands on, as wide as the picture."""
    shapes = [
        sheet(x, y, 1120, 112),
        f'<rect x="{x + 22}" y="{y}" width="1076" height="6" rx="3" fill="{group.colour}"/>',
        text(group.title[0], x + 24, y + 46, size=25, weight=700, colour=group.colour),
        text(group.labs, x + 1096, y + 46, size=16, weight=600, colour=group.colour, anchor="end"),
    ]
    for column, item in enumerate(group.items):
        shapes += bullet(item, x + 26 + 374 * column, y + 86, group.colour)
    return shapes


def bullet(item: str, x: int, y: int, colour: str) -> list[str]:
    """An item with its dot."""
    return [disc(x + 5, y - 6, 5, colour), text(item, x + 22, y, size=19)]


def sheet(x: int, y: int, width: int, height: int, *, corner: int = 14, fill: str = CARD) -> str:
    """A rectangle with round corners and a thin edge."""
    place = f'x="{x}" y="{y}" width="{width}" height="{height}" rx="{corner}"'
    return f'<rect {place} fill="{fill}" stroke="{LINE}" stroke-width="2"/>'


def disc(x: float, y: float, radius: int, colour: str) -> str:
    """A filled circle around (x, y)."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>'


def text(
    words: str,
    x: float,
    y: float,
    *,
    size: int,
    weight: int = 400,
    colour: str = INK,
    anchor: str = "start",
    style: str = "normal",
) -> str:
    """A line of text, standing on (x, y)."""
    italic = "" if style == "normal" else f' font-style="{style}"'
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{colour}" '
        f'text-anchor="{anchor}"{italic}>{escape(words)}</text>'
    )


def on_ring(angle_deg: float, *, radius: float = RADIUS) -> tuple[float, float]:
    """A point of the ring; 0° is the first station, at the left, and the angle grows clockwise."""
    angle = radians(angle_deg - 90 - 1.5 * STEP)
    return CENTRE_X + radius * cos(angle), CENTRE_Y + radius * sin(angle)


def photograph(svg: str) -> bytes:
    """The picture as PNG, 1800 pixels wide, on a transparent page."""
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser_path is None:
        sys.exit("The PNG is drawn with Chromium and none is on PATH. Install it (Debian: apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1.5)
        page.set_content(f'<body style="margin:0">{svg}</body>')
        png = page.screenshot(omit_background=True)
        browser.close()
    return png


def with_digest(png: bytes, svg: str) -> bytes:
    """The PNG with the SVG's digest in a text chunk after its header (PNG specification, section 11.3.4.3)."""
    body = b"tEXt" + DIGEST_KEY.encode() + b"\0" + digest(svg).encode()
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    header_end = 8 + 25
    return png[:header_end] + chunk + png[header_end:]


def digest(svg: str) -> str:
    """SHA-256 of the SVG text, in hexadecimal."""
    return hashlib.sha256(svg.encode()).hexdigest()


if __name__ == "__main__":
    main()
