"""The report, the plot and what is written into the README."""
import json
import re
import xml.etree.ElementTree

import pytest

import readme
import report
from figures import Figure, as_json
from plot import svg

MACHINE = {"cores": 2, "memory_gb": 24, "kernel": "6.1", "at": "2026-01-02T03:04:05",
           "commit": "abc1234"}
FIGURES = [Figure("nothing <at all>", "/s", [1000, 1200, 1100]),
           Figure("ours", "/s", [900, 600, 770], "nothing <at all>", target=(">=", 0.8)),
           Figure("wait", "ms", [5.5], better="lower", target=("<=", 10), note="alone")]


def part(name="requests", figures=None, quick=False, failures=()):
    return {"part": name, "title": "A title", "quick": quick, "machine": MACHINE,
            "figures": as_json(figures or FIGURES), "failures": list(failures)}


def test_markdown_has_a_row_for_each_figure():
    assert report.markdown(part(failures=["it broke"], quick=True)).splitlines() == [
        "## A title", "",
        "2 cores, 24 GB, 2026-01-02, commit abc1234, a quick run: rough", "",
        "| what | median | min to max | ratio | to | note |", "|---|---|---|---|---|---|",
        "| nothing <at all> | 1,100/s | 1,000/s to 1,200/s | - | - | - |",
        "| ours | 770/s | 600/s to 900/s | 0.70 | nothing <at all> "
        "| asked for: >= 0.800: not kept |",
        "| wait | 5.50 ms | - | - | - | alone; asked for: <= 10.0 ms |", "",
        "**Failed:** it broke"]


def test_a_part_replaces_its_own_results_and_no_others(tmp_path):
    for result in (part("orders"), part("requests"), part("orders", quick=True)):
        report.save(tmp_path, result)
    assert [(p["part"], p["quick"]) for p in report.load(tmp_path)] == \
        [("requests", False), ("orders", True)]
    report.write(tmp_path)
    assert [p["part"] for p in json.loads((tmp_path / "report.json").read_text())] == \
        ["requests", "orders"]
    assert (tmp_path / "report.md").read_text().count("## A title") == 2


def test_the_plot_is_svg_with_a_bar_for_each_ratio():
    picture = xml.etree.ElementTree.fromstring(svg([part(), part("start", FIGURES[2:])]))
    bars = picture.findall(".//{http://www.w3.org/2000/svg}rect")
    assert [bar.get("class") for bar in bars] == ["missed"]
    width = float(bars[0].get("width"))
    one = float(picture.find("{http://www.w3.org/2000/svg}line").get("x1"))
    assert width / (one - float(bars[0].get("x"))) == pytest.approx(0.7, abs=0.01)


def test_a_plot_of_nothing_is_a_plot():
    xml.etree.ElementTree.fromstring(svg([]))


# ---- README ------------------------------------------------------------------------------------------

def whole():
    """Results in which each row of the README finds its figure."""
    peers = [Figure(f"{what}: {peer}", "/s", [n, n + 2, n + 1])
             for _, what in readme.PEER_ROWS for n, peer in enumerate(readme.PEERS, 1)]
    names = {}
    for _, name, pattern in readme.ROWS:
        names.setdefault(name, []).append(re.sub(r"\.\*", "many", pattern).replace("\\", ""))
    parts = {name: part(name, [Figure(n, "ms", [1.5]) for n in found])
             for name, found in names.items()}
    parts["peers"]["figures"] += as_json(peers)
    return parts


def test_the_readme_has_every_row():
    text = readme.section(whole())
    assert "| `GET /healthz`, 64 connections | 2.00/s (1.00 to 3.00) | 3.00/s (2.00 to 4.00) |" in text
    assert all(f"| {label} | " in text for label, _, _ in readme.ROWS)


def test_what_was_not_measured_is_named():
    parts = whole()
    del parts["memory"]
    with pytest.raises(LookupError, match="of the part memory: make bench BENCH_ARGS=memory"):
        readme.section(parts)


def test_only_what_is_between_the_markers_changes():
    page = f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n"
    assert readme.replaced(page, "new") == page.replace("old", "new")
    assert readme.replaced(readme.replaced(page, "new"), "old") == page


@pytest.mark.parametrize("page", ["", readme.BEGIN, readme.BEGIN * 2 + readme.END])
def test_a_page_without_markers_is_left_alone(page):
    with pytest.raises(ValueError):
        readme.replaced(page, "new")


def test_a_quick_run_is_not_published(tmp_path):
    page = tmp_path / "README.md"
    page.write_text(readme.BEGIN + readme.END)
    for result in whole().values():
        report.save(tmp_path, result | {"quick": result["part"] == "start"})
    assert readme.main(tmp_path, page) == "only quick results of: start"
    assert page.read_text() == readme.BEGIN + readme.END


def test_the_page_is_written(tmp_path):
    page = tmp_path / "README.md"
    page.write_text(f"a\n{readme.BEGIN}\n{readme.END}\nb\n")
    for result in whole().values():
        report.save(tmp_path, result)
    assert readme.main(tmp_path, page) is None
    assert page.read_text().startswith(f"a\n{readme.BEGIN}\n2 cores")
