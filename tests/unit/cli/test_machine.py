"""How jax is set up for a machine: what is set already stays."""

from fisc.cli.machine import jax_settings

GIVEN = (
    "--xla_force_host_platform_device_count=3",
    "--xla_backend_optimization_level=1",
    "--xla_cpu_prefer_vector_width=256",
    "--xla_cpu_collective_call_terminate_timeout_seconds=9",
)


def test_every_flag_is_set_once_and_one_that_is_given_stays():
    # Contract: that jaxlib accepts the flags is seen wherever a test starts `fisc`.
    names = [flag.partition("=")[0] for flag in jax_settings({}, cores=2)["XLA_FLAGS"].split()]
    assert len(set(names)) == len(names)
    assert {flag.partition("=")[0] for flag in GIVEN} <= set(names)
    for flag in GIVEN:
        name = flag.partition("=")[0]
        flags = jax_settings({"XLA_FLAGS": flag}, cores=2)["XLA_FLAGS"].split()
        assert [f for f in flags if f.startswith(name)] == [flag]


def test_the_devices_wait_longer_for_each_other_than_a_busy_machine_lets_them():
    # By hand: in XLA's own time, 40 seconds, another program may keep a core from one of two devices.
    assert "--xla_cpu_collective_call_terminate_timeout_seconds=600" in jax_settings({}, cores=2)["XLA_FLAGS"]
