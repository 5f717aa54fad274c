"""The figure of `gather_trade_build_speed.py`: what a step costs, by number of citizens, beside the reference."""

from pathlib import Path


def draw(rows: list[dict], base: Path) -> None:
    """Draw the cost of a step against the number of agents, as PNG and SVG."""
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams["svg.hashsalt"] = "fisc"
    figure = Figure(figsize=(7.6, 4.4), layout="constrained")
    axes = figure.add_subplot()
    agents = [row["agents"] for row in rows]
    for name, label, color in (
        ("reference", "reference program", "#c2382b"),
        ("ours", "fisc", "#095df8"),
    ):
        cost = [row[f"{name}_microseconds"] for row in rows]
        axes.loglog(agents, cost, "o-", color=color)
        axes.annotate(label, (agents[-1], cost[-1]), (6, 0), textcoords="offset points", color=color, va="center")
        linear = [cost[0] * one / agents[0] for one in agents]
        axes.loglog(agents, linear, ":", color=color, lw=1)
    axes.set_xticks(agents, [str(one) for one in agents])
    axes.set_xticks([], minor=True)
    axes.set_xlim(agents[0] * 0.9, agents[-1] * 3)
    axes.set_xlabel("citizens")
    axes.set_ylabel("processor time of a step (microseconds)")
    axes.set_title("A step of Gather-Trade-Build, observed (dotted: proportional)", fontsize=11, loc="left")
    axes.grid(True, color="#dfe3e8", lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    for ending in ("png", "svg"):
        figure.savefig(base.with_suffix(f".{ending}"), dpi=160, metadata={"Date": None} if ending == "svg" else None)
