"""What each command does: a few lines each over `fisc.scenarios`, `fisc.analysis` and `fisc.plots`."""

import json
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from fisc.cli.curves import follow
from fisc.cli.distributed import join
from fisc.core.errors import ConfigError, unknown
from fisc.records.metrics import arm_label, metric_label
from fisc.records.policies import SUFFIX as POLICIES
from fisc.records.store import RunFolder, check_free
from fisc.scenarios import registry
from fisc.scenarios.config import OBJECTIVES, WEIGHED, Scenario
from fisc.scenarios.plan import plan
from fisc.scenarios.reading import to_toml
from fisc.scenarios.trained import shipped

console = Console(highlight=False)

ECONOMY_FLAGS = ("elasticity", "workers", "year")
"""Flags that set a key of the economy: which one, and whether at all, the economy says."""

FRONTIER_WEIGHTS = 11
"""Weights of equality that --frontier traces: 0, 0.1, … 1."""

WHY_NOT = {
    "elasticity": "has no constant elasticity of income",
    "workers": "has no workers",
    "year": "has no US wages; use --set taxes.law=…",
}
"""Why a flag does not fit a scenario."""


def overrides_of(options: Namespace) -> dict[str, Any]:
    """The scenario keys that flags and --set change.

    Raises:
        ConfigError: a flag that does not fit the scenario or that --set contradicts, or an elasticity that is not
            positive.
    """
    found = registry.parse_overrides(options.set)
    if getattr(options, "frontier", False):
        found = {"frontier.weights": FRONTIER_WEIGHTS} | ({} if options.objective else {"objective": WEIGHED}) | found
    given = {flag: getattr(options, flag) for flag in ECONOMY_FLAGS if getattr(options, flag) is not None}
    keys = registry.load_scenario(options.scenario, found).economy.flag_keys if given else {}
    for flag in given:
        if flag not in keys:
            raise ConfigError(f"--{flag} {given[flag]}: scenario {options.scenario} {WHY_NOT[flag]}")
    keys |= {"objective": "objective"} if options.objective is not None else {}
    for flag, key in keys.items():
        if getattr(options, flag) is not None and key in found:
            raise ConfigError(f"--{flag} and --set {key}=… both set {key}: give one of them")
    if options.objective is not None:
        if options.objective not in OBJECTIVES:
            raise unknown("objective", options.objective, OBJECTIVES)
        found["objective"] = options.objective
    if options.elasticity is not None:
        if not 0 < options.elasticity < float("inf"):
            raise ConfigError(f"--elasticity is {options.elasticity}: it must be above 0 (0.25 is a common estimate)")
        given["elasticity"] = 1.0 + 1.0 / options.elasticity
    return found | {keys[flag]: value for flag, value in given.items()}


def seeds_of(text: str) -> int | tuple[int, ...]:
    """Read --seeds: a count, or a list with commas.

    Raises:
        ConfigError: if it is neither.
    """
    try:
        numbers = tuple(int(part) for part in text.split(",") if part)
    except ValueError:
        raise ConfigError(f"--seeds {text}: expected how many (5) or which (0,3,7)") from None
    return numbers if "," in text else numbers[0] if numbers else 0


def listed(text: str | None) -> tuple[str, ...] | None:
    """Read a list with commas; None if it is not given."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def numbers_of(flag: str, text: str | None) -> tuple[float, ...] | None:
    """Read numbers with commas; None if they are not given.

    Raises:
        ConfigError: if one is no number.
    """
    try:
        return None if text is None else tuple(float(part) for part in listed(text))
    except ValueError:
        raise ConfigError(f"{flag} {text}: expected numbers with commas, like 0.003,0.001") from None


def compare(options: Namespace) -> None:
    """Train, evaluate, draw, and print the table and where the report is."""
    arms = None if options.arms is None else [arm for arm in options.arms.split(",") if arm]
    run = _run(options, arms, draw=True)
    if run is None:
        return
    from fisc.plots.terminal import print_summary

    print_summary(run.summary, console)
    _print_paths(f"\nreport: {run.report}")


def train(options: Namespace) -> None:
    """Train one arm and print where it is."""
    if options.out is None:
        options.out = f"runs/{registry.load_scenario(options.scenario).name}-{options.arm}-{options.budget}"
    run = _run(options, [options.arm], draw=False)
    if run is None:
        return
    numbers = run.summary["arms"][options.arm][run.summary["objective"]]
    _print_paths(f"{options.arm}: {run.summary['objective']} {numbers['mean']:.6g}\nrun: {run.folder}")


def _run(options: Namespace, arms: list[str] | None, draw: bool):
    """Compare, but refuse at once what is wrong at first sight: importing all of jax takes seconds.

    Returns:
        The finished run; None in a process that only helps another one.
    """
    what = {
        "arms": arms,
        "seeds": seeds_of(options.seeds),
        "budget": options.budget,
        "overrides": overrides_of(options),
    }
    folder = plan(options.scenario, **what).folder(options.out)
    if options.distributed is not None and not join(options.distributed):
        from fisc.scenarios.compare import compare as run_comparison

        return run_comparison(options.scenario, **what)
    if not options.resume:
        check_free(folder)
    from fisc.cli.progress import ProgressLine
    from fisc.scenarios.compare import compare as run_comparison

    with ProgressLine(console) as line, follow(options, folder, _print_paths) as catch_up:

        def say(report) -> None:
            """Show progress, and bring the curves up to date."""
            line.report(report)
            catch_up()

        return run_comparison(
            options.scenario,
            **what,
            out=folder,
            resume=options.resume,
            say=say,
            note=line.note,
            draw=draw,
        )


def solve(options: Namespace) -> None:
    """Print the exact optimum with its welfare, beside the free market and the Saez formula."""
    scenario = registry.load_scenario(options.scenario, overrides_of(options))
    if options.seed < 0:
        raise ConfigError(f"--seed is {options.seed}: expected at least 0")
    if options.starts < 1:
        raise ConfigError(f"--starts is {options.starts}: expected at least 1")
    from fisc.scenarios.solving import solve_scenario

    _print_solution(scenario, solve_scenario(scenario, options.seed, options.starts))


def _print_solution(scenario: Scenario, found) -> None:
    table = Table(title=f"{scenario.title}\nexact optimum for {scenario.objective}", title_style="bold")
    table.add_column(f"bracket from ({scenario.money})", justify="right")
    for name in found.rates:
        table.add_column(name, justify="right")
    for b, cutoff in enumerate(found.cutoffs):
        table.add_row(f"{cutoff:,.10g}", *[f"{rates[b]:.1%}" for rates in found.rates.values()])
    table.add_section()
    table.add_row("welfare", *[f"{found.welfare[name]:,.6g}" for name in found.rates])
    console.print(table)
    starts = ", ".join(f"{value:,.6g}" for value in found.starts)
    console.print(f"welfare from each starting point: {starts}")


def evaluate(options: Namespace) -> None:
    """Evaluate trained policies again and print the table."""
    file = _file_of_policies(options.run, options.arm)
    if file is not None:
        return _evaluate_file(file)
    _refuse_no_run(options.run)
    from fisc.plots.terminal import print_summary
    from fisc.scenarios.compare import reevaluate

    print_summary(reevaluate(options.run).summary, console)


def _file_of_policies(source: str, arm: str | None) -> Path | None:
    """The file that a source means; None if it is to be a run folder.

    Raises:
        ConfigError: a preset that comes with no such policies, or an arm with what has one already.
    """
    if source not in registry.PRESETS:
        if arm is not None:
            raise ConfigError(f"--arm {arm}: only for a preset; of {source} everything is evaluated")
        return Path(source) if source.endswith(POLICIES) else None
    there = shipped(source)
    arm = arm or ("planner" if "planner" in there or not there else next(iter(there)))
    if arm in there:
        return there[arm]
    mend = f"choose one of {', '.join(there)}" if there else f"train them (fisc compare {source})"
    raise ConfigError(f"{source} comes with no trained policies{f' for {arm}' if there else ''}: {mend}")


def _evaluate_file(file: Path) -> None:
    """Print what policies reach, beside what their card says."""
    from fisc.plots.wording import format_metric, format_percent
    from fisc.scenarios.packing import evaluate_packed

    with console.status("playing"):
        card, played = evaluate_packed(file)
    episodes, steps = card["scenario"]["evaluation"]["episodes"], card["env_steps"]
    title = f"{card['title']}\n{arm_label(card['arm'])}, trained for {steps:,} steps; means over {episodes} episodes"
    table = Table(title=title, title_style="bold")
    table.add_column("measure")
    table.add_column("now", justify="right")
    table.add_column("after training", justify="right")
    for name in (card["objective"], *(name for name in sorted(played.metrics) if name != card["objective"])):
        label = metric_label(name, card["money"], card["objective"])
        table.add_row(label, format_metric(name, played.metrics[name]), format_metric(name, card["scores"].get(name)))
    console.print(table)
    brackets = zip(played.rates, played.cutoffs, strict=True)
    rates = ", ".join(f"{format_percent(rate)} from {start:,.6g}" for rate, start in brackets)
    others = "".join(f", {format_percent(rate)} on {base}" for base, rate in played.other_rates.items())
    console.print(f"marginal rates: {rates}{others}")
    for caveat in card["caveats"]:
        console.print(f"Caveat: {caveat}", style="dim", markup=False)


def pack(options: Namespace) -> None:
    """Put the policies of one arm and seed of a run into one file."""
    folder = RunFolder.open(options.run)
    out = Path(options.out or f"{folder.read_json('provenance.json')['scenario']}.{options.arm}{POLICIES}")
    if out.suffix != POLICIES:
        raise ConfigError(f"--out {out}: a file of policies ends in {POLICIES}")
    if out.exists() and not options.force:
        raise ConfigError(f"{out} already exists: choose another --out, or replace it with --force")
    from fisc.scenarios.packing import pack as write

    write(options.run, options.arm, options.seed, out)
    _print_paths(f"policies: {out} ({out.stat().st_size / 1e6:.1f} MB)")


def best_response(options: Namespace) -> None:
    """Retrain one role or agent of a run and print what it gains."""
    _refuse_no_run(options.run)
    learning_rates = numbers_of("--learning-rate", options.learning_rate)
    if options.out is not None and not options.resume:
        check_free(Path(options.out))
    from fisc.cli.progress import ProgressLine
    from fisc.plots.best_response import print_gain
    from fisc.scenarios import best_response as response

    question = response.Question(
        arm=options.arm,
        role=options.role,
        agent=options.agent,
        start=options.start,
        updates=options.updates,
        seeds=None if options.seeds is None else seeds_of(options.seeds),
        episodes=options.episodes,
        algorithms=listed(options.algorithm),
        learning_rates=learning_rates,
        at=options.at,
    )
    with ProgressLine(console) as line:
        answer = response.best_response(
            options.run, question, out=options.out, resume=options.resume, say=line.report, note=line.note
        )
    print_gain(answer.summary, console)
    _print_paths(f"\nanswer: {answer.folder}")


def plot(options: Namespace) -> None:
    """Draw a run again."""
    _refuse_no_run(options.run)
    from fisc.scenarios.compare import open_finished, redraw

    folder, _ = open_finished(options.run)
    redraw(folder, _print_paths)
    _print_paths(f"figures: {folder.figures}\nreport: {folder.path / 'report.html'}")


def _print_paths(text: str) -> None:
    """Print what has a path in it: in one line however narrow the terminal, and as it is, brackets included."""
    console.print(text, soft_wrap=True, markup=False)


def _refuse_no_run(path: str) -> None:
    """Refuse what is no run folder at once: importing all of jax takes seconds."""
    RunFolder.open(path)


def show_list(options: Namespace) -> None:
    """Print what there is to choose from."""
    if options.what == "maps":
        return _print_maps()
    from fisc.records.metrics import METRICS

    tables = {
        "scenarios": {name: registry.load_scenario(name).title for name in registry.PRESETS},
        "arms": {name: arm.summary for name, arm in registry.ARMS.items()},
        "objectives": {name: METRICS[name].meaning for name in OBJECTIVES},
        "metrics": {name: f"{metric.meaning} [{metric.unit}]" for name, metric in METRICS.items()},
    }
    chosen = (options.what,) if options.what else ("scenarios", "arms", "objectives")
    for title in chosen:
        table = Table(
            title=title, title_justify="left", title_style="bold", box=None, show_header=False, padding=(0, 2)
        )
        table.add_column(style="cyan", no_wrap=True)
        table.add_column()
        for name, text in tables[title].items():
            table.add_row(name, text.replace("[", r"\["))
        console.print(table)


def _print_maps() -> None:
    """Maps with their size and how many cells are what, and where they are from."""
    from fisc.scenarios.kinds.gather_trade_build_config import DRAWN_MAPS, ORIGIN_OF_MAPS, shipped_maps

    title = "maps: rows x columns, and cells with sources or water"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2))
    table.add_column("", style="cyan", no_wrap=True)
    for head in ("size", "wood", "stone", "water"):
        table.add_column(head, justify="right", header_style="dim")
    for drawn in shipped_maps():
        rows, columns = drawn.size
        table.add_row(drawn.name, f"{rows} x {columns}", *(str(drawn.count(mark)) for mark in "WS@"))
    for name in DRAWN_MAPS:
        table.add_row(name, "any", "–", "–", "–")
    console.print(table)
    notes = f"Maps with a size are from {ORIGIN_OF_MAPS}. The others are drawn anew in every episode."
    console.print(f"{notes}\nOr take a text file of your own: economy.map.layout=mine.txt", style="dim")


def import_foundation(options: Namespace) -> None:
    """Print a configuration of the reference program as a scenario, or write it to --out.

    Raises:
        ConfigError: a file that cannot be read, a configuration that fisc cannot express, or a file in the way.
    """
    from fisc.scenarios import build
    from fisc.scenarios.foundation_config import read
    from fisc.scenarios.foundation_scenario import scenario_of

    name = Path(options.out or options.file).stem
    scenario = scenario_of(read(options.file), name, options.convention)
    build.population(scenario, 0)  # a map, people or taxes that cannot be are refused here, not when they are played
    text = _as_toml(scenario)
    if options.out is None:
        console.print(text, soft_wrap=True, markup=False)
        return
    if not options.out.endswith(".toml"):
        raise ConfigError(f"--out {options.out}: a scenario is a .toml file")
    try:
        with Path(options.out).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"--out {options.out} already exists: choose another name") from None
    except OSError as error:
        raise ConfigError(f"--out {options.out} cannot be written: {error.strerror}") from None
    for caveat in scenario.caveats:
        console.print(f"note: {caveat}", markup=False)
    _print_paths(f"scenario: {options.out} (run it: fisc compare {options.out} --budget quick)")


def show(options: Namespace) -> None:
    """Print a whole scenario as TOML, which is a scenario file again."""
    scenario = registry.load_scenario(options.scenario, overrides_of(options))
    console.print(_as_toml(scenario), soft_wrap=True, markup=False)


def _as_toml(scenario: Scenario) -> str:
    return to_toml(json.loads(json.dumps(asdict(scenario))))


def cite(options: Namespace) -> None:
    """Print references."""
    for reference in registry.cite(registry.load_scenario(options.scenario)):
        console.print(f"- {reference}")
