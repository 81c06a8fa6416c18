"""Lines over a logarithmic axis, as SVG that can be read on a light and on a dark page."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

# Of a panel, with room for what stands beside its axes.
WIDTH, HEIGHT = 440, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 24, 34, 56
LEGEND_HEIGHT = 28
# Of middle lightness: each has a contrast of 3 or more to white and to black. Dashes tell lines
# apart for whoever does not see colours.
STYLES = (
    ("#3b82f6", ""),
    ("#0e9aa7", "6 4"),
    ("#a855f7", "2 3"),
    ("#d97706", "14 4"),
    ("#ef4444", "10 3 2 3"),
)
INK = "#768390"


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes; each line has a value for each x."""

    title: str
    x_label: str
    y_label: str
    xs: Sequence[int]
    lines: Mapping[str, Sequence[float]]


def svg(panels: Sequence[Panel], title: str) -> str:
    """The panels beside each other, under a legend of their lines, which are the same in each."""
    width, height = WIDTH * len(panels), HEIGHT + LEGEND_HEIGHT
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" font-family="system-ui, sans-serif" '
            f'font-size="12" fill="{INK}">'
        ),
        f"<title>{escape(title)}</title>",
        *_legend(list(panels[0].lines), width),
    ]
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate({number * WIDTH} {LEGEND_HEIGHT})">')
        parts += _panel(panel)
        parts.append("</g>")
    return "\n".join((*parts, "</svg>", ""))


def _legend(names: Sequence[str], width: int) -> list[str]:
    step = (width - LEFT) / len(names)
    parts = []
    for number, (name, style) in enumerate(zip(names, STYLES, strict=False)):
        x = LEFT + number * step
        parts.append(_path([(x, 16), (x + 30, 16)], style))
        parts.append(_text(name, x + 36, 20, anchor="start"))
    return parts


def _panel(panel: Panel) -> list[str]:
    top = _ticks(max(max(values) for values in panel.lines.values()))
    first, last = math.log10(panel.xs[0]), math.log10(panel.xs[-1])

    def x_of(value: float) -> float:
        return LEFT + (math.log10(value) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y_of(value: float) -> float:
        return HEIGHT - BOTTOM - value / top[-1] * (HEIGHT - TOP - BOTTOM)

    parts = [_text(panel.title, LEFT, 18, anchor="start", weight="bold")]
    for value in top:
        y = y_of(value)
        opacity = 0.25 if value else 1
        parts.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{INK}" stroke-opacity="{opacity}"/>'
        )
        parts.append(_text(f"{value:g}", LEFT - 8, y + 4, anchor="end"))
    parts += [_text(_short(x), x_of(x), HEIGHT - BOTTOM + 18) for x in panel.xs]
    parts.append(_text(panel.x_label, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 40))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(_text(panel.y_label, 16, middle, turned=True))
    for values, style in zip(panel.lines.values(), STYLES, strict=False):
        points = [(x_of(x), y_of(y)) for x, y in zip(panel.xs, values, strict=True)]
        parts.append(_path(points, style))
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{style[0]}"/>' for x, y in points]
    return parts


def _ticks(highest: float) -> list[float]:
    """From 0 to `highest` or a little above it, in four to eight even steps."""
    power: float = 10 ** math.floor(math.log10(highest))
    step = next(power * part for part in (0.2, 0.5, 1, 2) if highest <= 8 * power * part)
    return [step * number for number in range(math.ceil(highest / step) + 1)]


def _short(number: int) -> str:
    for size, unit in ((1_000_000, " M"), (1_000, " k")):
        if number >= size:
            return f"{number / size:g}{unit}"
    return str(number)


def _path(points: Sequence[tuple[float, float]], style: tuple[str, str]) -> str:
    colour, dashes = style
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'


def _text(
    text: str,
    x: float,
    y: float,
    *,
    anchor: str = "middle",
    weight: str = "normal",
    turned: bool = False,
) -> str:
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}"{turn}>'
        f"{escape(text)}</text>"
    )
