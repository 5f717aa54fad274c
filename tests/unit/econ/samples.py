"""The sample window behind the stored values of the Saez estimator, and its schedule."""

import numpy as np

US_CUTOFFS = np.array([0, 9.7, 39.475, 84.2, 160.725, 204.1, 510.3])


def reference_window():
    """Draw 500 incomes and marginal rates with NumPy's frozen legacy generator, seed 7.

    Every 25th income is set to -5; mean 55.208026, one above 510.3, twenty negative.
    """
    generator = np.random.RandomState(7)
    income = np.round(np.exp(generator.normal(3.5, 1.2, 500)), 3)
    income[::25] = -5
    return income, np.round(0.05 * generator.randint(0, 21, 500), 2)
