"""What consumers, firms and the government see: everything public, and of private matters their own.

Stocks and budgets range from nothing to millions. They are shown as digits: remainders of division by 10, 100, …, each
as a share of its divisor. Axes: `n` agents, `f` firms, `k` numbers.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fisc.core.economy import Block
from fisc.economies.business_cycle.state import State


def digits(x: Float[Array, "*n"], count: int) -> Float[Array, "*n k"]:
    """Nested remainders `(x mod 10^k) / 10^k` for k = 1, …, count, each in [0, 1); nothing flows back through them."""
    powers = 10.0 ** jnp.arange(1, count + 1, dtype=x.dtype)
    divisors = powers.reshape((1,) * x.ndim + (count,))
    number = x[..., None]
    # The compiler's own remainder takes twenty times as long; rounding can leave this one just below 0.
    left = number - jnp.floor(number / divisors) * divisors
    share = jnp.where(left < 0.0, left + divisors, left) / divisors
    # The remainder of a tiny negative number rounds to the divisor itself.
    return jax.lax.stop_gradient(jnp.where(share < 1.0, share, 0.0))


def public_blocks(num_firms: int, num_digits: int) -> dict[str, Block]:
    """Layout of what everybody sees."""
    firms = range(num_firms)
    stock = tuple(f"stock_{i}_digit_{k}" for i in firms for k in range(1, num_digits + 1))
    return {
        "prices": Block(tuple(f"price_{i}" for i in firms), is_public=True),
        "wages": Block(tuple(f"wage_{i}" for i in firms), is_public=True),
        "stocks": Block(stock, is_public=True),
        "shortages": Block(tuple(f"shortage_{i}" for i in firms), is_public=True),
        "taxes": Block(("income_tax", "corporate_tax"), is_public=True),
        "calendar": Block(("time",), is_public=True),
    }


def consumer_blocks(num_firms: int, num_digits: int) -> dict[str, Block]:
    """Layout of a consumer's observation."""
    return {
        **public_blocks(num_firms, num_digits),
        "budget": Block(_digit_names("budget", num_digits), is_public=False),
        "labor_disutility": Block(("labor_disutility",), is_public=False),
    }


def firm_blocks(num_firms: int, num_digits: int) -> dict[str, Block]:
    """Layout of a firm's observation."""
    return {
        **public_blocks(num_firms, num_digits),
        "budget": Block(_digit_names("budget", num_digits), is_public=False),
        "capital": Block(("capital",), is_public=False),
        "labor_exponent": Block(("labor_exponent",), is_public=False),
        "identity": Block(tuple(f"is_firm_{i}" for i in range(num_firms)), is_public=False),
    }


def _digit_names(name: str, num_digits: int) -> tuple[str, ...]:
    return tuple(f"{name}_digit_{k}" for k in range(1, num_digits + 1))


def public(
    state: State, most: tuple[Float[Array, ""], Float[Array, ""]], steps: int, num_digits: int
) -> dict[str, Float[Array, "1 _"]]:
    """What everybody sees. `most`: price and wage that are seen as 1."""
    posted, dtype = state.posted, state.inventory.dtype
    most_price, most_wage = (jnp.where(x > 0, x, 1.0) for x in most)
    return {
        "prices": (posted.price / most_price)[None, :],
        "wages": (posted.wage / most_wage)[None, :],
        "stocks": digits(state.inventory, num_digits).reshape(1, -1),
        "shortages": posted.shortage.astype(dtype)[None, :],
        "taxes": jnp.stack([posted.income_tax, posted.corporate_tax])[None, :],
        "calendar": (state.step.astype(dtype) / steps).reshape(1, 1),
    }


def own_of_consumers(
    state: State, disutility: Float[Array, " n"], scale: Float[Array, ""], num_digits: int
) -> dict[str, Float[Array, "n _"]]:
    """What only each consumer sees. `disutility`: as it weighs now; `scale`: what is seen as 1."""
    return {
        "budget": digits(state.consumer_budget, num_digits),
        "labor_disutility": (disutility / scale)[:, None],
    }


def own_of_firms(
    state: State, labor_exponent: Float[Array, " f"], scale: Float[Array, ""], num_digits: int
) -> dict[str, Float[Array, "f _"]]:
    """What only each firm sees. `scale`: capital that is seen as 1."""
    return {
        "budget": digits(state.firm_budget, num_digits),
        "capital": (state.capital / scale)[:, None],
        "labor_exponent": labor_exponent[:, None],
        "identity": jnp.eye(labor_exponent.shape[0], dtype=labor_exponent.dtype),
    }


def everybody(flags: Bool[Array, " a"], num_agents: int) -> Bool[Array, "n a"]:
    """The same mask for all agents of a role."""
    return jnp.broadcast_to(flags[None, :], (num_agents, flags.shape[0]))
