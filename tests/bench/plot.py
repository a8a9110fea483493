"""The plot: for each figure that has a limit, its ratio to it as a bar, the rounds' spread as a line
over it. Plain SVG, readable on white and on black. Pure."""
from xml.sax.saxutils import escape

from figures import scaled

WIDTH, NAME_WIDTH, VALUE_WIDTH = 960, 400, 150
ROW, TITLE, TOP = 22, 34, 40
PLOT_WIDTH = WIDTH - NAME_WIDTH - VALUE_WIDTH
STYLE = """
text { font: 13px sans-serif; fill: #333 } .title { font-weight: bold } .small { fill: #777 }
.bar { fill: #3b7dd8 } .missed { fill: #d8573b } .spread { stroke: #777; stroke-width: 1.5 }
.one { stroke: #999; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .small { fill: #999 } }
"""


def svg(parts):
    """parts: as results/<part>.json holds them. -> the picture's text"""
    rows = [(part, [f for f in part["figures"] if f["ratio"] is not None]) for part in parts]
    rows = [(part, figures) for part, figures in rows if figures]
    widest = max([1.0] + [high(f) for _, figures in rows for f in figures])
    scale = PLOT_WIDTH / min(widest, 2.5)
    out, y = [], TOP
    for part, figures in rows:
        out.append(text(8, y + 18, part["title"], "title"))
        y += TITLE
        for figure in figures:
            out += bar(figure, y, scale)
            y += ROW
    one = NAME_WIDTH + scale
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 12}" '
            f'viewBox="0 0 {WIDTH} {y + 12}">', f"<style>{STYLE}</style>",
            text(8, 20, "Ratio to the limit, measured in the same run; 1.0 = the limit", "small"),
            f'<line class="one" x1="{one:.1f}" x2="{one:.1f}" y1="{TOP}" y2="{y}"/>']
    return "\n".join(head + out + ["</svg>", ""])


def high(figure):
    """The ratio of the largest sample, as far as the plot shows it."""
    return figure["ratio"] * figure["max"] / figure["median"] if figure["median"] else 0


def bar(figure, y, scale):
    def x(ratio):
        return NAME_WIDTH + min(ratio * scale, PLOT_WIDTH)
    low = figure["ratio"] * figure["min"] / figure["median"] if figure["median"] else 0
    kind = "missed" if figure["is_within"] is False else "bar"
    label = f"{figure['ratio']:.2f}  {scaled(figure['median'], figure['unit'])}"
    return [text(NAME_WIDTH - 8, y + 15, figure["name"], "", "end"),
            f'<rect class="{kind}" x="{NAME_WIDTH}" y="{y + 3}" '
            f'width="{x(figure["ratio"]) - NAME_WIDTH:.1f}" height="{ROW - 6}">'
            f"<title>{escape(figure['name'])} to {escape(figure['limit'])}</title></rect>",
            f'<line class="spread" x1="{x(low):.1f}" x2="{x(high(figure)):.1f}" '
            f'y1="{y + ROW / 2}" y2="{y + ROW / 2}"/>',
            text(NAME_WIDTH + PLOT_WIDTH + 8, y + 15, label)]


def text(x, y, words, kind="", anchor="start"):
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'
