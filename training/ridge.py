"""Linear heads by ridge regression that come out the same, bit for bit, on every machine.

Sums in floating point depend on their order, and libraries for matrices choose theirs by the processor. So the sums
here are exact: features become whole numbers of `STEPS` to one, and products of those add up without rounding in
float64 as long as they stay below 2**53. The equations are then solved with element-wise operations only, each of
which IEEE 754 rounds in one way.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

STEPS: Final = 65536
"""Steps of a feature between 0 and 1: as fine as float16 is between 1/64 and 1/32."""

_EXACT: Final = 2.0**53

Matrix = NDArray[np.float64]


def fit(features: NDArray[np.floating], targets: Matrix, penalty: float) -> tuple[Matrix, Matrix]:
    """Return weights [heads, d] and biases [heads] that least miss `targets` [n, heads] from `features` [n, d].

    Targets are whole numbers: 1, -1, and 0 for a row that does not count for that head. Each head is fitted to its own
    rows, the two signs weighing the same. `penalty` is added for the square of each weight, for each row. Raises
    ValueError for features or targets that cannot be summed exactly and for a head without both signs.
    """
    steps = np.rint(np.asarray(features, np.float64) * STEPS)
    rows = np.hstack([steps, np.full((len(steps), 1), float(STEPS))])
    if not np.isfinite(rows).all() or np.abs(rows).max(initial=0) ** 2 * len(rows) >= _EXACT:
        raise ValueError("The features are too large to be summed exactly.")
    if not np.isin(targets, (-1, 0, 1)).all():
        raise ValueError("Targets are 1, -1, or 0.")
    fitted = [_head(rows, target, penalty) for target in targets.T]
    weights = np.stack(fitted) if fitted else np.zeros((0, rows.shape[1]))
    return weights[:, :-1], weights[:, -1]


def _head(rows: Matrix, target: Matrix, penalty: float) -> Matrix:
    """The two signs' sums, each divided by how many they are."""
    size = rows.shape[1]
    moments, products = np.zeros((size, size)), np.zeros(size)
    for sign in (1.0, -1.0):
        chosen = rows[target == sign]
        if not len(chosen):
            raise ValueError("A head has no row of one of the two signs.")
        moments += (chosen.T @ chosen) / (STEPS * STEPS * len(chosen))  # exact before the division
        products += sign * chosen.sum(axis=0) / (STEPS * len(chosen))
    ridge = np.full(size, penalty)
    ridge[-1] = 0.0  # the bias is free
    return solve(moments + np.diag(ridge), products)


def solve(matrix: Matrix, right: Matrix) -> Matrix:
    """Return x of `matrix` x = `right`, by Cholesky's way in one fixed order. Raises ValueError where there is none.

    G. H. Golub, C. F. Van Loan, Matrix Computations, 4th edition, algorithm 4.2.2 (outer products).
    """
    lower, x = matrix.copy(), right.copy()
    size = len(x)
    for k in range(size):
        if not lower[k, k] > 0:
            raise ValueError("The equations have no single solution; a larger penalty gives one.")
        lower[k:, k] /= np.sqrt(lower[k, k])
        lower[k + 1 :, k + 1 :] -= np.multiply.outer(lower[k + 1 :, k], lower[k + 1 :, k])
        x[k] /= lower[k, k]
        x[k + 1 :] -= np.multiply(lower[k + 1 :, k], x[k])
    for k in reversed(range(size)):
        x[k] /= lower[k, k]
        x[:k] -= np.multiply(lower[k, :k], x[k])
    return x
