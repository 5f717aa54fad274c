"""Devices and processes that share the environments of one run: the same result as one device alone, to rounding."""

import json
import os
import socket
import subprocess
import sys
from functools import cache, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.spaces import Discrete
from fisc.learning.curriculum import Phases, RoleSchedule
from fisc.learning.ppo import Settings, ppo
from fisc.learning.train import compile_block, num_devices_used, over_jobs, stack
from fisc.learning.two_level import TwoLevel
from fisc.policies.actor_critic import make_policy, set_scale
from fisc.policies.reading import layout_of

from .toy import Bandit, Lookout

RUN = "from {} import trained; import json, sys; print(json.dumps(trained({})))"


def trained(remembers: bool = False) -> dict[str, list[float]]:
    """One job, three updates in two compiled blocks: its parameters, its metrics over time, and who played it.

    Or the same of a policy that remembers, amid episodes that go on from update to update.
    """
    settings = Settings(epochs=2, minibatches=2, learning_rate=0.01, shuffles_rows=False)
    read, world = partial(layout_of, remembers=remembers), Bandit(jnp.array([0.0, 1.0, 0.2]), Discrete(3))
    world = Lookout() if remembers else world
    learner = ppo(settings, make_policy((4,), read=read), set_scale)
    system = TwoLevel({"citizen": learner}, Phases({"citizen": RoleSchedule()}), 3, 8, 1)
    worlds, keys = stack([world]), stack([jax.random.key(0)])
    template = eqx.filter_eval_shape(system.init, world, jax.random.key(0))
    static = eqx.filter(template, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct), inverse=True)
    run, seen = over_jobs(system.init, 1)(worlds, keys), []
    for updates in (1, 2):
        run, metrics = compile_block(system, updates, 1)(worlds, eqx.combine(run, static))
        seen.append(metrics)
    weights = jax.tree.leaves(run.learners["citizen"].policy.actor)
    curves = {name: np.concatenate([np.asarray(part[name])[0] for part in seen]).tolist() for name in seen[0]}
    devices = [len(leaf.sharding.device_set) for leaf in jax.tree.leaves((run.environments, run.memories))]
    share = run.clock.addressable_shards[0].data.size
    return {"actor": np.concatenate([np.ravel(weight) for weight in weights]).tolist(), **curves} | {
        "devices": devices,
        "environments on each": [share],
    }


@cache
def alone(remembers: bool = False) -> dict[str, list[float]]:
    """The same on one device."""
    assert jax.device_count() == 1
    return trained(remembers)


def check(found: str, remembers: bool = False) -> None:
    """What a process printed agrees with one device alone, and learning took place."""
    numbers, single = json.loads(found), dict(alone(remembers))
    assert set(numbers.pop("devices")) == {2} and set(single.pop("devices")) == {1}
    assert (numbers.pop("environments on each"), single.pop("environments on each")) == ([4], [8])
    assert set(numbers) == set(single)
    for name, values in single.items():
        np.testing.assert_allclose(numbers[name], values, rtol=2e-4, atol=1e-5, err_msg=name)
    assert len(numbers["welfare"]) == 3
    assert max(numbers["citizen/gradient_norm"]) > 1e-3


@pytest.mark.parametrize("environments, jobs, used", [(8, 1, 2), (8, 2, 2), (8, 3, 3), (9, 1, 3), (7, 1, 1)])
def test_as_many_devices_train_as_jobs_or_environments_divide_over(monkeypatch, environments, jobs, used):
    """By hand, of three devices: all have a job each, or as many as divide the environments share them."""
    monkeypatch.setattr(jax, "device_count", lambda: 3)
    assert num_devices_used(environments, jobs) == used


def start(code: str, devices: int) -> subprocess.Popen:
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={devices}"
    given = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code], env=given, **pipes)


def printed(process: subprocess.Popen) -> str:
    out, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors[-3000:]
    return out.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("remembers", [False, True])
def test_two_devices_that_share_the_environments_learn_what_one_does(remembers):
    # Contract, to rounding: the same batch, minibatches and random numbers; memories are shared as environments are.
    run = RUN.format(__name__, remembers)
    check(printed(start(f"import jax; assert jax.device_count() == 2; {run}", devices=2)), remembers)


@pytest.mark.slow
def test_two_processes_that_share_the_environments_learn_what_one_does():
    # Contract, to rounding: two processes with a device each, which talk over the loopback interface.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    join = (
        "import jax; jax.distributed.initialize('{}', num_processes=2, process_id={}); assert jax.device_count() == 2"
    )
    run = RUN.format(__name__, False)
    both = [start(f"{join.format(address, number)}; {run}", devices=1) for number in range(2)]
    for process in both:
        check(printed(process))


def spread(num_jobs: int) -> list[float]:
    """What so many jobs return, after the largest number of devices that an array of it is on."""
    out = over_jobs(lambda x, key: (2 * x, key), num_jobs)(jnp.arange(3.0), jax.random.split(jax.random.key(0), 3))
    return [max(len(x.sharding.device_set) for x in out), *out[0].tolist()]


def test_an_odd_number_of_jobs_comes_back_on_one_device():
    """Contract: slicing what is spread over devices would be a collective for every array, and many of them at once can
    wait for each other for ever."""
    run = f"import json; from {__name__} import spread; print(json.dumps(spread(3)))"
    found = printed(start(f"import jax; assert jax.device_count() == 2; {run}", devices=2))
    assert json.loads(found) == [1, 0.0, 2.0, 4.0]
