"""The report and the terminal's table, from the invented run. Expected texts by construction."""

import io
import re
from html.parser import HTMLParser

import polars as pl
import pytest
from rich.cells import cell_len
from rich.console import Console

from fisc.analysis.summary import summarize, summarize_frames
from fisc.plots.report import embed_svg, write_report
from fisc.plots.terminal import comparison_table, print_summary
from fisc.records.schema import arm_label

VOID = {"meta", "br", "img", "hr", "link", "use"}


class Balance(HTMLParser):
    """Checks that every element is closed in order, and collects ids and links."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self._collect(dict(attrs))

    def handle_startendtag(self, tag, attrs):
        self._collect(dict(attrs))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def _collect(self, attrs):
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs[name] for name in ("href", "src") if name in attrs]


@pytest.fixture
def summary(tables, about) -> dict:
    return summarize_frames(tables["evaluation"], tables["schedules"], about)


@pytest.fixture
def page(make_run, summary) -> str:
    folder = make_run()
    folder.figures.mkdir(exist_ok=True)
    drawing = (
        '<?xml version="1.0"?>\n<svg width="1" height="2" viewBox="0 0 1 2"><g id="a" style="fill: #1b1f27"/></svg>'
    )
    for name in ("welfare", "schedules", "gains"):
        (folder.figures / f"{name}.svg").write_text(drawing)
    return write_report(folder, summary).read_text()


def test_the_report_shows_every_arm_with_its_number_and_interval(page, summary):
    for arm in summary["arms"]:
        assert f">{arm_label(arm)}</span></th>" in page
    assert page.count('class="best"') >= 5
    assert re.search(r"<small>[\d.,]+ to [\d.,]+</small>", page)


def test_arms_that_print_the_same_best_mean_are_all_marked(make_run, about, tables):
    # By construction: two arms at 2, one at 1, the optimum aside at 3; and a measure that is 0 for all.
    rows = [("flat", 1.0), ("saez", 2.0), ("planner", 2.0), ("optimum", 3.0)]
    rows = [
        (arm, 0, metric, value)
        for arm, v in rows
        for metric, value in (("productivity", v), ("best_response_gap", 0.0))
    ]
    frame = pl.DataFrame(rows, ["arm", "seed", "metric", "value"], orient="row")
    folder = make_run(without=tuple(tables))
    page = write_report(folder, summarize_frames(frame, None, about | {"objective": "productivity"})).read_text()
    assert page.count('class="best"') == 2


def test_the_report_escapes_what_the_scenario_says(page):
    assert "<title>An invented &lt;economy&gt;</title>" in page
    assert "People &lt;b&gt;cannot&lt;/b&gt; move, marry or evade &amp; nobody saves." in page
    assert "<b>" not in page


def test_the_report_stands_alone_and_is_well_formed(page):
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    assert "<script" not in page
    assert all(link.startswith(("#", "figures/", "data:")) for link in parser.links)
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_the_report_tells_how_to_make_it_again(page):
    assert "<code>fisc compare invented --seeds 3</code>" in page
    assert "<dt>fisc</dt><dd>0.1.0</dd>" in page
    assert "1,200,000" in page


def test_the_report_has_rates_by_bracket_and_winners(page):
    # The law's rates are the same in every seed; below them is the share of incomes.
    share = r"<small>\d+\.\d%</small>"
    assert re.search(rf'<th scope="row">0 to 97</th><td>0.0%{share}</td><td>10.0%{share}</td>', page)
    assert "Number of deciles that gain and lose against US federal law" in page


def test_the_report_leaves_out_figures_that_were_not_drawn(make_run, summary):
    page = write_report(make_run(without=("groups", "metrics")), summary).read_text()
    assert "<figure>" not in page
    assert "How it was learned" not in page


def test_the_report_reads_the_summary_of_the_folder(make_run):
    folder = make_run()
    folder.write_json("summary.json", summarize(folder))
    assert write_report(folder) == folder.path / "report.html"


def test_drawings_get_ids_of_their_own_and_follow_the_theme():
    svg = '<?xml?><svg width="3pt" height="4pt" viewBox="0 0 3 4"><defs><path id="m"/></defs><use xlink:href="#m"/>'
    svg += '<g clip-path="url(#m)" style="fill: #1b1f27"/></svg>'
    out = embed_svg(svg, "welfare", 'A "title"')
    assert 'id="welfare-m"' in out
    assert 'href="#welfare-m"' in out
    assert "url(#welfare-m)" in out
    assert "fill: var(--ink)" in out
    assert out.startswith('<svg viewBox="0 0 3 4" role="img" aria-label="A &quot;title&quot;">')


@pytest.mark.parametrize("width", [50, 75, 76, 80, 200])
@pytest.mark.parametrize("objective", ["equality_times_productivity", "inverse_income_weighted_utility"])
def test_the_terminal_table_fits_its_width_and_has_every_arm(tables, about, width, objective):
    summary = summarize_frames(tables["evaluation"], tables["schedules"], about | {"objective": objective})
    console = Console(file=io.StringIO(), width=width)
    console.print(comparison_table(summary, width))
    lines = console.file.getvalue().splitlines()
    assert max(cell_len(line) for line in lines) <= min(width, 80)
    assert all(any(arm_label(arm) in line for line in lines) for arm in summary["arms"])


def test_the_terminal_shows_the_verdict_and_the_caveats_as_they_are(summary):
    console = Console(file=io.StringIO(), width=80)
    print_summary(summary | {"caveats": ["[red]not markup[/red]"]}, console)
    text = console.file.getvalue()
    assert "has the highest mean" in text
    assert "[red]not markup[/red]" in text
