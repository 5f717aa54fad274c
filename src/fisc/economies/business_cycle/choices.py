"""What everybody can choose, and how an action says it.

A consumer picks a quantity of every good, hours, and an employer, independently of one another. A firm picks a price, a
wage and a share of income to invest at once: entry (price · wages + wage) · shares + share. A government picks both tax
rates at once: entry income · corporate rates + corporate.

Axes: `n` consumers, `f` firms, `a` entries of a mask, `k` entries of a menu.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from fisc.core.errors import ConfigError
from fisc.core.spaces import Discrete, MultiDiscrete
from fisc.economies.business_cycle.state import Posted

SLACK = 1e-6
"""Rounding by which a rate may exceed the ceiling."""


class Menus(eqx.Module):
    """Everything that can be chosen."""

    quantities: Float[Array, " k1"]
    """Units of a good."""
    hours: Float[Array, " k2"]
    """Hours in a quarter."""
    prices: Float[Array, " k3"]
    wages: Float[Array, " k4"]
    shares: Float[Array, " k5"]
    """Shares of income that a firm may invest."""
    income_rates: Float[Array, " k6"]
    corporate_rates: Float[Array, " k7"]

    def consumer_space(self, num_firms: int) -> MultiDiscrete:
        """A quantity of each good, hours, an employer."""
        return MultiDiscrete((self.quantities.size,) * num_firms + (self.hours.size, num_firms))

    @property
    def firm_space(self) -> Discrete:
        """Price, wage and share of investment in one."""
        return Discrete(self.prices.size * self.wages.size * self.shares.size)

    @property
    def government_space(self) -> Discrete:
        """Both rates in one."""
        return Discrete(self.income_rates.size * self.corporate_rates.size)

    def firm_entries(self) -> tuple[Float[Array, " a"], Float[Array, " a"], Float[Array, " a"]]:
        """Price, wage and share of every entry."""
        parts = jnp.meshgrid(self.prices, self.wages, self.shares, indexing="ij")
        price, wage, share = (part.reshape(-1) for part in parts)
        return price, wage, share

    def government_entries(self) -> tuple[Float[Array, " a"], Float[Array, " a"]]:
        """Income and corporate rate of every entry."""
        income, corporate = jnp.meshgrid(self.income_rates, self.corporate_rates, indexing="ij")
        return income.reshape(-1), corporate.reshape(-1)

    def rates_under(self, ceiling: Float[Array, ""]) -> Bool[Array, " a"]:
        """Entries without a rate above the ceiling; the lowest rate of each menu is always allowed."""
        income, corporate = self.government_entries()
        fits = [
            rates <= jnp.maximum(ceiling.astype(rates.dtype) + SLACK, jnp.min(rates)) for rates in (income, corporate)
        ]
        return fits[0] & fits[1]


def make_menus(**menus) -> Menus:
    """Menus from lists of numbers, by name; those of the published runs where a name is missing.

    Raises:
        ConfigError: for a menu that is unknown, empty, has an entry twice, or entries that cannot be.
    """
    chosen = {**PUBLISHED_MENUS, **menus}
    for name, values in chosen.items():
        if name not in PUBLISHED_MENUS:
            raise ConfigError(f"unknown menu '{name}': allowed are {', '.join(PUBLISHED_MENUS)}")
        most = 1.0 if name in ("shares", "income_rates", "corporate_rates") else np.inf
        entries = np.asarray(values, float)
        if entries.ndim != 1 or not entries.size:
            raise ConfigError(f"the menu of {name} is empty: give at least one number")
        if not np.all(np.isfinite(entries) & (entries >= 0) & (entries <= most)):
            allowed = "in [0, 1]" if most == 1.0 else "finite and at least 0"
            raise ConfigError(f"the menu of {name} is {list(values)}: every entry must be {allowed}")
        if len(np.unique(entries)) < len(entries):
            raise ConfigError(f"the menu of {name} is {list(values)}: give every entry once")
    return Menus(**{name: jnp.asarray(values, float) for name, values in chosen.items()})


PUBLISHED_MENUS: dict[str, tuple[float, ...]] = {
    "quantities": tuple(float(units) for units in range(11)),
    "hours": (0.0, 260.0, 520.0, 780.0, 1040.0),
    "prices": (0.0, 500.0, 1000.0, 1500.0, 2000.0, 2500.0),
    "wages": (0.0, 11.0, 22.0, 33.0, 44.0),
    "shares": (0.1,),
    "income_rates": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    "corporate_rates": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
}
"""Hours are 0 to 80 a week for 13 weeks."""


class Wishes(eqx.Module):
    """What consumers want."""

    wanted: Float[Array, "n f"]
    """Units of each good."""
    hours: Float[Array, " n"]
    employer: Int[Array, " n"]


def wishes(action: Int[Array, "n d"], menus: Menus, is_open: Bool[Array, "#n a"]) -> Wishes:
    """Read consumers' actions; what is not on the open menu is no units, and no hours.

    Args:
        is_open: entries that consumers may choose, the components one after the other.
    """
    num_firms = action.shape[1] - 2
    space = menus.consumer_space(num_firms)
    sizes = jnp.asarray(space.sizes, action.dtype)[None, :]
    entry = jnp.clip(action, 0, sizes - 1)
    flags = jnp.broadcast_to(is_open, (action.shape[0], is_open.shape[1]))
    starts = np.concatenate([[0], np.cumsum(space.sizes)[:-1]])
    place = entry + jnp.asarray(starts, action.dtype)[None, :]
    is_legal = (entry == action) & jnp.take_along_axis(flags, place, axis=1)
    units = jnp.take(menus.quantities, entry[:, :num_firms])
    works = is_legal[:, num_firms] & is_legal[:, num_firms + 1]
    return Wishes(
        wanted=jnp.where(is_legal[:, :num_firms], units, 0.0),
        hours=jnp.where(works, jnp.take(menus.hours, entry[:, num_firms]), 0.0),
        employer=entry[:, num_firms + 1],
    )


class Offers(eqx.Module):
    """What firms post for the next quarter, and what they invest in this one."""

    price: Float[Array, " f"]
    wage: Float[Array, " f"]
    share: Float[Array, " f"]


def offers(action: Int[Array, " f"], menus: Menus, is_open: Bool[Array, "#f a"], posted: Posted) -> Offers:
    """Read firms' actions; one that is not on the open menu leaves price and wage and invests the first share."""
    is_legal = _is_legal(action, is_open)
    entry = jnp.clip(action, 0, menus.firm_space.size - 1)
    price, wage, share = (jnp.take(part, entry) for part in menus.firm_entries())
    return Offers(
        price=jnp.where(is_legal, price, posted.price),
        wage=jnp.where(is_legal, wage, posted.wage),
        share=jnp.where(is_legal, share, menus.shares[0]),
    )


def rates(
    action: Int[Array, " 1"], menus: Menus, is_open: Bool[Array, "1 a"], posted: Posted
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Read the government's action: income and corporate rate; one that is not on the open menu leaves both."""
    is_legal = _is_legal(action, is_open)[0]
    entry = jnp.clip(action[0], 0, menus.government_space.size - 1)
    income, corporate = (jnp.take(part, entry) for part in menus.government_entries())
    return jnp.where(is_legal, income, posted.income_tax), jnp.where(is_legal, corporate, posted.corporate_tax)


def _is_legal(action: Int[Array, " n"], is_open: Bool[Array, "#n a"]) -> Bool[Array, " n"]:
    flags = jnp.broadcast_to(is_open, (action.shape[0], is_open.shape[1]))
    entry = jnp.clip(action, 0, flags.shape[1] - 1)
    return (entry == action) & jnp.take_along_axis(flags, entry[:, None], axis=1)[:, 0]
