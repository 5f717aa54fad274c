"""Made-up training curves and a run folder for them."""

import polars as pl

from fisc.records.store import RunFolder


def rows(arm, updates, group="fixed", seed=0, metric="welfare", role="economy"):
    """Rows of one curve, with ten environment steps and a welfare of 0.5 for each update."""
    return pl.DataFrame(
        [(group, arm, seed, "phase 0", u, 10 * u, role, metric, 0.5 * u) for u in updates],
        schema=["run", "arm", "seed", "phase", "update", "env_steps", "role", "metric", "value"],
        orient="row",
    ).with_columns(period=pl.lit(None, pl.Int64))


def make_run(path, **provenance):
    """An empty run folder."""
    folder = RunFolder.create(path)
    folder.write_text("scenario.toml", "")
    folder.write_json("provenance.json", provenance)
    return folder


def learn(run, group, frame):
    """Write the rows beside a group's checkpoint, as a run does that goes on."""
    (run.path / "checkpoints").mkdir(exist_ok=True)
    frame.write_parquet(run.path / "checkpoints" / f"{group}.parquet")
