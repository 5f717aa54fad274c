"""The economy must not lean on implicit promotion of types or ranks, and is tested in double precision."""

import jax
import pytest


@pytest.fixture(autouse=True)
def strict_and_double():
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield
