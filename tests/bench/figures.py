"""Figures and what is computed from them: quantiles, medians with their spread, ratios. Pure.

A figure has a sample for each round. Those that are compared were measured in turns, so a ratio is
taken round by round, and what the machine did besides in one round concerns both.
"""
import dataclasses
import statistics


@dataclasses.dataclass
class Figure:
    """One thing that was measured.

    name      what, unique within its part
    unit      of the samples: "/s", "ms", "µs", "KB", "s", "bytes", "%", "" (a ratio or a count)
    samples   a value for each round
    limit     the figure of the same part that this one is compared with: what the same machine
              does without what is measured here; "" = none
    better    "higher" or "lower"
    target    what is asked for, as (">=" or "<=", number): of the ratio, or of the median where there
              is no limit; None = nothing
    note      what a reader has to know, in a few words
    """
    name: str
    unit: str
    samples: list
    limit: str = ""
    better: str = "higher"
    target: tuple | None = None
    note: str = ""

    @property
    def median(self):
        return statistics.median(self.samples)

    @property
    def spread(self):
        """-> (smallest, largest) sample"""
        return min(self.samples), max(self.samples)


def quantile(values, q):
    """The value that a share q of all do not exceed: nearest rank, so it is one that was measured.
    None of no values."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def ratio(figure, limit):
    """Median of the rounds' ratios; of the medians where not every round has both. None where the
    limit is 0."""
    pairs = list(zip(figure.samples, limit.samples))
    if len(figure.samples) != len(limit.samples) or any(not of for _, of in pairs):
        return figure.median / limit.median if limit.median else None
    return statistics.median(value / of for value, of in pairs)


def within(value, target):
    """Does the value keep the bound? None where there is none."""
    if target is None or value is None:
        return None
    sign, bound = target
    return value >= bound if sign == ">=" else value <= bound


def as_json(figures):
    """-> a list of plain dicts, with what is computed"""
    by_name = {figure.name: figure for figure in figures}
    rows = []
    for figure in figures:
        row = dataclasses.asdict(figure)
        row["median"], (row["min"], row["max"]) = figure.median, figure.spread
        of = by_name.get(figure.limit)
        row["ratio"] = ratio(figure, of) if of else None
        row["is_within"] = within(row["ratio"] if of else figure.median, figure.target)
        rows.append(row)
    return rows


def scaled(value, unit):
    """A number as people read it: three digits that say something, thousands apart."""
    if value is None:
        return "-"
    if value == 0:
        text = "0"
    elif abs(value) >= 100:
        text = f"{value:,.0f}"
    else:
        digits = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
        text = f"{value:.{digits}f}"
    return text + ("" if unit in ("", "/s", "%") else " ") + unit
