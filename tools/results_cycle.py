"""Tables of the business cycle, in Markdown: what its stored results and benchmarks say."""

from collections.abc import Callable

import numpy as np
import polars as pl

from fisc.analysis.intervals import bootstrap_interval
from results import ROOT, interval, stored, table

CYCLE = "reproduce/business_cycle"
"""Where the results of the business cycle are."""
LEARNED = ("planner", "laboratories")
"""Arms whose rates are not given."""
LUCK = {
    "goods_exported": "units exported", "capital": "capital", "price": "price", "wage": "wage", "labor": "hours",
    "goods_consumed": "units consumed",
}  # fmt: skip
"""What may go with welfare between equal economies, by its name in tables."""

FIRMS, FIRM_WEIGHT = 10, 0.0025
"""In all stored comparisons; and what a dollar of profit counts in total welfare."""


def in_force(rate: float) -> float:
    """A rate while it is in force, from its mean over the ten quarters of an episode, of which the first is untaxed."""
    return rate * 10 / 9


def rates_of(numbers: dict) -> str:
    """Both rates of a row while they are in force."""
    return ", ".join(f"{in_force(numbers[name]):.0%}" for name in ("income_tax_rate", "corporate_tax_rate"))


def cycle_answer() -> str:
    """What no taxes, the best given rate, a government that learns and trying are worth, scenario by scenario."""
    rows = []
    for name in ("rbc_small", "rbc_tiny", "rbc_taxes"):
        found = stored(f"{CYCLE}/{name}.json")
        arms = found["arms"]
        best = max((arm for arm in arms if arm.startswith("flat_")), key=lambda arm: _mean(arms[arm]["welfare"]))
        top = max(("free_market", best), key=lambda arm: _mean(arms[arm]["welfare"]))
        cells = [interval(arms["free_market"]["welfare"], ",.0f")]
        cells.append(f"{_of_cycle(best)}: {interval(arms[best]['welfare'], ',.0f')}")
        for arm in LEARNED:
            cells.append(
                f"{interval(arms[arm]['welfare'], ',.0f')}; {rates_of(_means(arms[arm]))}" if arm in arms else "–"
            )
        for arm in LEARNED:
            cells.append(interval(found["contrasts"][f"{arm}-{top}"], "+,.0f") if arm in arms else "–")
        rows.append((f"`{name.replace('_', '-')}`", *cells))
    head = (
        "scenario", "no taxes", "best of 20 to 80 % on both", "learned by a government; rates on income, profit",
        "found by trying; rates", "learned less the best given rate", "found less the best given rate",
    )  # fmt: skip
    return table(head, rows)


def cycle_arms(name: str = "rbc_tiny") -> str:
    """Every tax system of the business cycle, best first."""
    arms = stored(f"{CYCLE}/{name}.json")["arms"]
    rows = []
    for arm in sorted(arms, key=lambda arm: -arms[arm]["welfare"]["mean"]):
        found = arms[arm]
        mean = _means(found)
        rows.append(
            (
                _of_cycle(arm),
                interval(found["welfare"], ",.0f"),
                f"{max(found['welfare']['values']):,.0f}",
                f"{FIRM_WEIGHT * FIRMS * mean['profit'] / mean['welfare']:.0%}",
                f"{mean['utility']:.2f}",
                f"{mean['profit']:,.0f}",
                f"{mean['price']:,.0f}",
                f"{mean['wage']:.1f}",
                f"{mean['labor']:,.0f}",
                rates_of(mean),
                f"{mean['transfer']:,.0f}",
                f"{sum(found['collapsed']['values']):.0f} of {len(found['collapsed']['values'])}",
            )
        )
    head = (
        "tax system", "total welfare (95 % interval)", "best seed", "of it profit", "utility of a consumer",
        "profit of a firm (dollars)", "price", "wage", "hours", "tax on income, profit", "transfer", "collapsed",
    )  # fmt: skip
    return table(head, rows)


def cycle_contrasts(name: str = "rbc_tiny") -> str:
    """What learned taxes bring beyond the best rate that is given: of all, and of those that the paper compares; and
    what the best of these brings beyond none."""
    found = stored(f"{CYCLE}/{name}.json")
    arms, given = found["arms"], [arm for arm in found["arms"] if arm not in LEARNED]
    said = [line for arm in LEARNED if arm in arms for line in _against_given(found, arm, given)]
    best = max((arm for arm in given if arm != "free_market"), key=lambda arm: _mean(arms[arm]["welfare"]))
    contrast = found["contrasts"].get(f"{best}-free_market")
    if contrast is not None and contrast["mean"] > 0:
        said.append(f"- {_of_cycle(best)} less 0 %: {_size(contrast)}.\n")
    return "".join(said)


def _against_given(found: dict, arm: str, given: list[str]) -> list[str]:
    """A learned arm against the best of all given rates, and against the best of the paper's if that is another."""
    said, arms = {}, found["arms"]
    for what, others in (
        ("the best of all given rates", given),
        ("the best of the paper's, 20 to 80 %", [other for other in given if other != "free_market"]),
    ):
        best, luckiest = (max(others, key=lambda other: pick(arms[other]["welfare"])) for pick in (_mean, _highest))
        ours, theirs = _highest(arms[arm]["welfare"]), _highest(arms[luckiest]["welfare"])
        said.setdefault(
            best,
            f"- {_of_cycle(arm).capitalize()} less {_of_cycle(best)}, {what} by its mean: "
            f"{_size(found['contrasts'][f'{arm}-{best}'])}. Best seed against best seed, as in the paper: {ours:,.0f} "
            f"against {theirs:,.0f} ({_of_cycle(luckiest)}), {ours / theirs - 1:+.1%}.\n",
        )
    return list(said.values())


def _size(contrast: dict) -> str:
    """A difference with its interval, and as a share."""
    low, high = (f"{contrast[end]:+,.0f}" for end in ("low", "high"))
    return f"{contrast['mean']:+,.0f} (95 % interval {low} to {high}), {contrast['relative']:+.1%}"


def cycle_more_seeds() -> str:
    """What is found by trying against no taxes, seed by seed, over all seeds that both were trained with."""
    rows = []
    for name in ("rbc_taxes", "rbc_taxes_more"):
        found = stored(f"{CYCLE}/{name}.json")
        ours, none = found["arms"]["laboratories"], found["arms"]["free_market"]
        numbers = ours["corporate_tax_rate"]["values"], ours["welfare"]["values"], none["welfare"]["values"]
        rows += list(zip(found["seeds"], *numbers, strict=True))
    gains = [welfare - without for _, _, welfare, without in rows]
    mean, low, high = bootstrap_interval(gains)
    cells = [
        (f"{seed}", f"{in_force(rate):.1%}", f"{welfare:,.0f}", f"{without:,.0f}", f"{welfare - without:+,.0f}")
        for seed, rate, welfare, without in rows
    ]
    _, rate, ours, none = (sum(column) / len(rows) for column in zip(*rows, strict=True))
    size = f"**{mean:+,.0f}** (95 % interval {low:+,.0f} to {high:+,.0f}), {mean / none:+.1%}"
    cells.append(("mean", f"{in_force(rate):.1%}", f"{ours:,.0f}", f"{none:,.0f}", size))
    return table(("seed", "found on profits", "welfare", "of no taxes", "difference"), cells)


def cycle_luck() -> str:
    """What goes with welfare between seeds of one tax system: correlations, the mean of every tax system taken out."""
    rows = []
    for name, text in (
        ("rbc_small", "`rbc-small`"),
        ("one_network", "the same, one network for all firms"),
        ("rbc_tiny", "`rbc-tiny`"),
        ("rbc_taxes", "`rbc-taxes`"),
    ):
        arms = stored(f"{CYCLE}/{name}.json")["arms"]
        works = [found for arm, found in arms.items() if arm in ("free_market", "flat_20", *LEARNED)]
        beside = {metric: _within(works, metric) for metric in ("welfare", *LUCK)}
        cells = (f"{np.corrcoef(beside['welfare'], beside[metric])[0, 1]:.2f}" for metric in LUCK)
        spread = np.sqrt((beside["welfare"] ** 2).sum() / (len(beside["welfare"]) - len(works)))
        rows.append((text, f"{len(beside['welfare'])}", f"{spread:,.0f}", *cells))
    return table(("scenario", "runs", "standard deviation of welfare", *(text for text in LUCK.values())), rows)


def _within(arms: list[dict], metric: str) -> np.ndarray:
    """A metric of all runs, less the mean of its arm."""
    values = [np.asarray(arm[metric]["values"]) for arm in arms]
    return np.concatenate([of_arm - of_arm.mean() for of_arm in values])


def cycle_pairs() -> str:
    """What pairs of constant rates are worth to consumers and firms of the free market who learn on under them."""
    found, rows = stored(f"{CYCLE}/pairs.json"), []
    for pair in found["pairs"]:
        mean = {name: sum(values) / len(values) for name, values in pair.items() if isinstance(values, list)}
        is_control = pair["income_rate"] == pair["profit_rate"] == 0
        gain = "–" if is_control else interval(pair["gain"], "+,.0f")
        rates = f"{pair['income_rate']:.0%}, {pair['profit_rate']:.0%}"
        numbers = (f"{mean['total_welfare']:,.0f}", gain, f"{mean['utility']:.2f}", f"{mean['profit']:,.0f}")
        rows.append((rates, *numbers, f"{mean['labor']:,.0f}", f"{mean['transfer']:,.0f}"))
    head = (
        "tax on income, profit", "total welfare", "less that of 0 %, 0 % (all seeds)", "utility", "profit", "hours",
        "transfer",
    )  # fmt: skip
    return table(head, rows)


def cycle_unanswered() -> str:
    """What pairs of constant rates bring while consumers and firms stay as they were trained."""
    rows = []
    for pair in stored(f"{CYCLE}/unanswered.json")["pairs"]:
        mean = {name: sum(values) / len(values) for name, values in pair.items() if isinstance(values, list)}
        seeds = ", ".join(f"{value:+,.0f}" for value in pair["gain"])
        rates = f"{pair['income_rate']:.0%}, {pair['profit_rate']:.0%}"
        numbers = (f"{mean['utility']:.2f}", *(f"{mean[name]:,.0f}" for name in ("profit", "labor", "transfer")))
        rows.append((rates, f"{mean['gain']:+,.0f}", seeds, *numbers))
    head = ("tax on income, profit", "welfare less that of 0 %", "seeds", "utility", "profit", "hours", "transfer")
    return table(head, rows)


def cycle_algorithms() -> str:
    """The learned government where everybody learns by PPO, and by the policy gradient."""
    rows = []
    for name, text in (("rbc_tiny", "PPO"), ("policy_gradient", "policy gradient")):
        arm = stored(f"{CYCLE}/{name}.json")["arms"]["planner"]
        num = len(stored(f"{CYCLE}/policy_gradient.json")["arms"]["planner"]["welfare"]["values"])
        mean = {
            metric: sum(numbers["values"][:num]) / num for metric, numbers in arm.items() if isinstance(numbers, dict)
        }
        seeds = ", ".join(f"{value:,.0f}" for value in arm["welfare"]["values"][:num])
        numbers = (f"{mean['utility']:.2f}", f"{mean['profit']:,.0f}", f"{mean['price']:,.0f}", f"{mean['wage']:.1f}")
        rows.append((text, f"{mean['welfare']:,.0f}", seeds, *numbers, f"{mean['labor']:,.0f}", rates_of(mean)))
    head = (
        "all roles by", "total welfare", "seeds", "utility", "profit", "price", "wage", "hours",
        "tax on income, profit",
    )  # fmt: skip
    return table(head, rows)


MOMENTS = {
    "rbc_tiny": {"firms act at random": 187, "firms learn": 313, "so do random taxes rise": 437,
                 "the government learns": 563, "the end": 1500},
    "rbc_small": {"firms act at random": 750, "firms learn": 1500, "the government joins": 3000,
                  "the government learns": 4000, "the end": 6000},
}  # fmt: skip
"""Updates at which the course of training is told, as one side after the other starts to learn."""


def cycle_landmarks(name: str = "rbc_tiny") -> str:
    """Moments of training, with what the paper's curves show as the same side starts to learn."""
    records, rows, moments = pl.read_csv(ROOT / CYCLE / f"{name}_landmarks.csv"), [], MOMENTS[name]
    for metric, published in (
        ("price", ("1,215", "rises", "rises", "2,350", "2,150")),
        ("wage", ("19.8", "falls to 6.9", "rises to 12", "12", "8.5 to 9")),
        ("profit", ("-80,000 to -55,000", "up to 100,000", "45,000", "–", "140,000")),
        ("utility", ("2.0 to 5.9", "–", "–", "–", "1.7 to 4.8")),
        ("total_welfare", ("–", "–", "–", "–", "3,000 to 4,000")),
        ("income_tax_rate", ()),
        ("corporate_tax_rate", ()),
    ):
        is_rate = metric.endswith("_rate")
        form = ".0%" if is_rate else {"wage": ".1f", "utility": ".1f"}.get(metric, ",.0f")
        scale = in_force(1.0) if is_rate else 1.0
        values = [records.filter(update=update)[metric] * scale for update in moments.values()]
        cells = [bootstrap_interval(found.to_list()) for found in values]
        rows.append((metric.replace("_", " "), *(f"{m:{form}} ({a:{form}} to {b:{form}})" for m, a, b in cells)))
        if published:
            rows.append(("published", *published))
    head = ("", *(f"{text} (update {update:,})" for text, update in moments.items()))
    return table(head, rows)


def cycle_without() -> str:
    """The learned government with the curriculum and without it."""
    rows = []
    for name, scenario, text in (
        ("rbc_small", "rbc-small", "with"),
        ("small_no_curriculum", "rbc-small", "without"),
        ("drawn_to_the_end", "rbc-tiny", "with"),
        ("no_curriculum", "rbc-tiny", "without"),
    ):
        found = stored(f"{CYCLE}/{name}.json")["arms"]["planner"]
        collapsed = found["collapsed"]["values"]
        welfare = interval(found["welfare"], ",.0f")
        seeds = ", ".join(f"{value:,.0f}" for value in found["welfare"]["values"])
        counted = f"{sum(collapsed):.0f} of {len(collapsed)}"
        rows.append((f"`{scenario}`", text, welfare, seeds, rates_of(_means(found)), counted))
    return table(
        ("scenario", "curriculum", "total welfare (95 % interval)", "seeds", "tax on income, profit", "collapsed"), rows
    )


def cycle_best_responses(of: str = "") -> str:
    """What each role of the business cycle could still gain at the end of training; `of` rbc-small, or "tiny"."""
    rows = []
    for role, published in (("consumer", "< 3 %"), ("firm", "< 10 %"), ("government", "< 1 %")):
        found = stored(f"{CYCLE}/{of + '_' if of else ''}best_response_{role}.json")
        before, gain, share = found["rewards"]["trained"]["mean"], found["gain"], found["relative"]
        digits = ",.2f" if abs(before) < 100 else ",.0f"
        means = {name: gained["mean"] for name, gained in found["others"].items()}
        others = (f"{name} {mean:+,.2f}" if abs(mean) < 100 else f"{name} {mean:+,.0f}" for name, mean in means.items())
        rows.append(
            (
                role,
                format(before, digits),
                f"{gain['mean']:+{digits}} ({gain['low']:+{digits}} to {gain['high']:+{digits}})",
                "–" if share["mean"] is None else f"{share['mean']:+.1%} ({share['low']:+.1%} to {share['high']:+.1%})",
                published,
                f"{found['relative_to_before']['mean']:+.1%}",
                ", ".join(others),
                "; ".join(sorted(set(found["kept_recipe"]))),
            )
        )
    head = (
        "role", "reward of an episode", "gain by retraining alone (all seeds)", "relative to the gain in training",
        "published", "relative to before", "what the others then have more", "kept",
    )  # fmt: skip
    return table(head, rows)


def cycle_course() -> str:
    """What each role of the business cycle could gain before, amid and after training."""
    rows = []
    for role in ("consumer", "firm", "government"):
        for moment in (0, 750, 1500):
            found = stored(f"{CYCLE}/course/{role}-{moment}.json")
            start = found["rewards"]["untrained" if moment == 0 else "trained"]["mean"]
            gain, share, size = found["gain"]["mean"], found["relative"]["mean"], found["relative_to_before"]["mean"]
            digits = ",.2f" if abs(start) < 100 else ",.0f"
            relative = "–" if share is None else f"{share:+.1%}"
            rows.append(
                (role, f"{moment:,}", format(start, digits), format(gain, f"+{digits}"), relative, f"{size:+.1%}")
            )
    head = ("role", "after updates", "reward", "gain by retraining alone", "of the gain in training", "of the reward")
    return table(head, rows)


def cycle_speed() -> str:
    """Steps a second of the business cycle by its size, and episodes a second while all learn."""
    found = stored("benchmarks/results/business_cycle_speed.json")
    rows = []
    for row in found["step"] + [row for row in found["consumers"] if row["consumers"] > 100]:
        rows.append(("steps, random policies", *_of_speed(row, f"{row['consumers']:,}")))
    for row in found["training"]:
        rows.append(("episodes of 10 steps, all learn", *_of_speed(row, "100")))
    head = ("what", "consumers", "replicas a core", "a second", "a second of processor time", "trace and compile (s)",
            "memory")  # fmt: skip
    return table(head, rows)


def cycle_time() -> str:
    """How long the published length takes: operations that are counted, over what a device sustains."""
    counted = stored("benchmarks/results/business_cycle_operations.json")
    small, *_, published = counted["presets"]
    speed = max(row["per_second"] for row in stored("benchmarks/results/business_cycle_speed.json")["training"])
    here = speed * small["operations_per_episode"]
    shares = [
        f"{hours:.1f} hours at {float(share):.0%}" for share, hours in published["hours_by_share_of_peak"].items()
    ]
    return (
        f"Matrix products of the program that trains, counted: {small['operations_per_episode'] / 1e6:,.0f} million "
        f"operations for an episode of `rbc-tiny`, so that these two cores sustain {here / 1e9:.0f} billion a second; "
        f"{published['operations_per_episode'] / 1e6:,.0f} million for one of `rbc-paper-short`, and "
        f"{published['operations']:.1e} for its {published['updates']:,} updates of {published['replicas']} economies: "
        f"{published['operations'] / here / 3600:,.0f} hours here, and on a device with a peak of "
        f"{counted['peak'] / 1e12:.0f} trillion operations a second {', '.join(shares)} of it. No GPU was at hand to "
        "say which share it is.\n"
    )


def _of_speed(row: dict, consumers: str) -> tuple[str, ...]:
    speeds = (f"{row[name]:,.0f}" for name in ("per_second", "per_cpu_second"))
    size = f"{row['working_bytes'] / 1e6:,.0f} MB" if "working_bytes" in row else f"{row['state_bytes'] / 1e3:,.1f} kB"
    return (consumers, f"{row['replicas']}", *speeds, f"{row['trace_and_compile_seconds']:.1f}", size)


def _of_cycle(arm: str) -> str:
    names = {"planner": "learned taxes", "laboratories": "found by trying", "free_market": "0 %"}
    return names.get(arm, f"{arm.removeprefix('flat_')} %")


def _means(arm: dict) -> dict[str, float]:
    return {name: numbers["mean"] for name, numbers in arm.items() if isinstance(numbers, dict)}


def _mean(numbers: dict) -> float:
    return numbers["mean"]


def _highest(numbers: dict) -> float:
    return max(numbers["values"])


TABLES: dict[str, Callable[..., str]] = {
    "cycle-answer": cycle_answer,
    "cycle-arms": cycle_arms,
    "cycle-speed": cycle_speed,
    "cycle-contrasts": cycle_contrasts,
    "cycle-more-seeds": cycle_more_seeds,
    "cycle-luck": cycle_luck,
    "cycle-landmarks": cycle_landmarks,
    "cycle-without": cycle_without,
    "cycle-best-responses": cycle_best_responses,
    "cycle-course": cycle_course,
    "cycle-pairs": cycle_pairs,
    "cycle-unanswered": cycle_unanswered,
    "cycle-algorithms": cycle_algorithms,
    "cycle-time": cycle_time,
}
