"""Do citizens learn to gather, trade, build and specialize in the free market of the 4-agent Open-Quadrant?

    python benchmarks/gather_trade_build_learning.py --steps 6e6 --seed 0 [--out curve.jsonl]

Writes a line for every 256 episodes or so: productivity, equality, and coin, labor, houses and net trade income in the
order of building skill, with prices and trades. All are means over the training episodes that ended since the last
line, exploration included. The published free market reaches a productivity of 818 and an equality of 0.378.
"""

import argparse
import json
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from fisc.cli.machine import prepare_jax

CONFIG = Path(__file__).resolve().parents[1] / "tests/oracle/configs/gather_trade_build/paper_phase_one.yaml"
RADIUS = {"map": 3, "map/stone": 5, "map/wood": 5, "labels": 3, "labels/citizen/oneself": -1}
EPISODES_PER_LINE = 256


@dataclass(frozen=True)
class LaborWarmup:
    """Labor costs nothing at first and its full cost after so many updates."""

    updates: float
    entropy: float

    def __call__(self, progress):
        """Knobs for this moment."""
        import jax.numpy as jnp

        from fisc.core.knobs import full_knobs

        weight = jnp.clip(progress.update / max(1.0, self.updates), 0.0, 1.0)
        return replace(
            full_knobs(("citizen",)),
            labor_cost=weight.astype(jnp.float32),
            entropy={"citizen": jnp.asarray(self.entropy)},
            learning={"citizen": jnp.ones((), bool)},
        )


def make_world(config: Path):
    """The economy without taxes and without a warm-up of its own."""
    from fisc.scenarios.foundation import economy
    from fisc.scenarios.foundation_config import read

    world = economy(read(config))
    return replace(world, preferences=replace(world.preferences, warmup_counts="nothing"))


def make_system(options, world):
    """The recipe."""
    from fisc.learning.ppo import Settings, ppo
    from fisc.learning.two_level import TwoLevel
    from fisc.policies.actor_critic import make_policy, set_scale
    from fisc.policies.reading import layout_of

    settings = Settings(
        learning_rate=options.learning_rate,
        discount=options.discount,
        trace=options.trace,
        clip=0.3,
        epochs=options.epochs,
        minibatches=options.minibatches,
        shuffles_rows=False,
    )
    policy = make_policy(
        (options.width, options.width),
        critic_hidden=(128, 64),
        read=partial(layout_of, radius=RADIUS),
        critic_sees_maps=False,
        actor_sees_mask=options.mask,
    )
    steps = options.environments * world.steps_per_period
    schedule = LaborWarmup(options.warmup / steps, options.entropy)
    learners = {"citizen": ppo(settings, policy, set_scale)}
    return TwoLevel(learners, schedule, int(options.steps // steps), options.environments, periods_per_update=1)


def look(world, run) -> dict:
    """What the episodes that have just ended brought: aggregates, and accounts in the order of skill."""
    import jax
    import jax.numpy as jnp

    states = run.environments
    found = jax.vmap(world.metrics)(states)
    names = ("consumption", "labor", "build_income", "trade_income", "gathered_stone", "gathered_wood")
    accounts = jax.vmap(world.accounts)(states)
    order = jnp.argsort(states.build_payment, axis=1)
    ranked = {f"by_skill/{name}": jnp.take_along_axis(accounts[name], order, axis=1) for name in names}
    houses = states.journal.builds.astype(jnp.float32)
    ranked["by_skill/houses"] = jnp.take_along_axis(houses, order, axis=1)
    return found | ranked | {"ended": run.clock == world.periods, "is_whole": run.is_whole}


def summarize(seen: list[dict]) -> dict:
    """Means over the episodes that ended; an empty dictionary without any."""
    import numpy as np

    ended = np.concatenate([found["ended"] for found in seen])
    if not ended.any():
        return {}
    values = {name: np.concatenate([found[name] for found in seen])[ended] for name in seen[0]}
    return {"episodes": int(ended.sum())} | {
        name: np.round(value.mean(axis=0), 3).tolist() for name, value in values.items() if value.dtype != bool
    }


def train(options) -> None:
    """Train, write a line now and then, and keep the learned policy."""
    import equinox as eqx
    import jax
    import numpy as np

    world = make_world(options.config)
    system = make_system(options, world)
    run = eqx.filter_jit(system.init)(world, jax.random.key(options.seed))
    steps_per_update = system.steps_per_update(world)
    advance = eqx.filter_jit(lambda world, run: (result := system.step(world, run), look(world, result[0])))
    every = max(1, EPISODES_PER_LINE * world.spec.steps // steps_per_update)
    seen, learned, started, compiled = [], [], time.perf_counter(), None
    for update in range(1, system.num_updates + 1):
        (run, metrics), found = advance(world, run)
        # Episodes that were cut short, so that environments spread, end within the first episode's length.
        if update > world.periods:
            seen.append({name: np.asarray(value) for name, value in found.items()})
        learned.append({name: float(v) for name, v in metrics.items() if name.startswith("citizen/")})
        compiled = compiled or time.perf_counter()
        if update % every and update < system.num_updates:
            continue
        line = {"steps": update * steps_per_update, "labor_weight": float(metrics["knob/labor_cost"])}
        line |= summarize(seen) | {name: np.mean([row[name] for row in learned]).item() for name in learned[0]}
        line["seconds"] = time.perf_counter() - started
        line["steps_per_second"] = (update - 1) * steps_per_update / max(1e-9, time.perf_counter() - compiled)
        with options.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(tell(line), flush=True)
        seen, learned = [], []
        eqx.tree_serialise_leaves(options.out.with_suffix(".eqx"), run.learners["citizen"].policy)


def tell(line: dict) -> str:
    """One line for the eye."""
    if "productivity" not in line:
        return f"{line['steps'] / 1e6:.2f}M"
    by_skill = lambda name: ", ".join(f"{x:.0f}" for x in line[f"by_skill/{name}"])  # noqa: E731
    return (
        f"{line['steps'] / 1e6:.2f}M w {line['labor_weight']:.2f} H {line['citizen/entropy']:.2f} "
        f"kl {line['citizen/approximate_kl']:.4f} ev {line['citizen/explained_variance']:.2f} | "
        f"prod {line['productivity']:.0f} eq {line['equality']:.3f} | coin {by_skill('consumption')} | "
        f"labor {by_skill('labor')} | houses {by_skill('houses')} | trade {by_skill('trade_income')} | "
        f"trades {line['trades']:.0f} wood {line['price_wood']:.1f} stone {line['price_stone']:.1f} | "
        f"{line['steps_per_second']:.0f}/s"
    )


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=float, default=6e6, help="environment steps")
    parser.add_argument("--warmup", type=float, default=5e6, help="environment steps until labor has its full cost")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--environments", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--minibatches", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=7e-4)
    parser.add_argument("--entropy", type=float, default=0.025)
    parser.add_argument("--discount", type=float, default=0.998)
    parser.add_argument("--trace", type=float, default=0.98)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--mask", action="store_true", help="legal actions are features too")
    parser.add_argument("--out", type=Path, default=Path("gather_trade_build_learning.jsonl"))
    options = parser.parse_args()
    prepare_jax()
    train(options)


if __name__ == "__main__":
    main()
