"""The upper tail of normal scores: how often a threshold is exceeded, also beyond the highest score seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

#: Excesses that a tail is fitted to: a tenth of the scores, at least 10.
TAIL_SHARE = 0.1
MIN_EXCESSES = 10


@dataclass(frozen=True)
class Pareto:
    """Generalised Pareto distribution of what exceeds `start` (Pickands 1975)."""

    start: float
    share: float
    shape: float
    scale: float

    @classmethod
    def fit(cls, ascending: np.ndarray) -> Pareto | None:
        """By probability-weighted moments (Hosking and Wallis 1987), which need no iteration and are steady for few
        excesses. None for too few or equal ones."""
        n = len(ascending)
        count = max(int(n * TAIL_SHARE), MIN_EXCESSES)
        if n <= count:
            return None
        start = ascending[n - count - 1]
        excesses = ascending[n - count :] - start
        mean = float(excesses.mean())
        # Mean of x times its probability to be exceeded.
        weighted = float((excesses / count * ((count - 1 - np.arange(count)) / (count - 1))).sum())
        spread = mean - 2.0 * weighted
        if not (math.isfinite(spread) and spread > 0.0 and mean > 0.0):
            return None
        # Beyond a half, the variance is infinite and a few scores would decide on everything.
        shape = min(max(2.0 - mean / spread, -0.5), 0.5)
        return cls(float(start), count / n, shape, mean * (1.0 - shape))

    def quantile(self, rate: float) -> float:
        ratio = self.share / rate
        if abs(self.shape) < 1e-9:
            return self.start + self.scale * math.log(ratio)
        return self.start + self.scale / self.shape * (ratio**self.shape - 1.0)

    def exceeded(self, threshold: float) -> float:
        y = max((threshold - self.start) / self.scale, 0.0)
        if abs(self.shape) < 1e-9:
            return self.share * math.exp(-y)
        inside = max(1.0 + self.shape * y, 0.0)
        return self.share * (inside ** (-1.0 / self.shape) if inside > 0 else 0.0)


class Upper:
    """Scores of normal rows, with the distribution fitted to the highest of them."""

    def __init__(self, scores: np.ndarray) -> None:
        self.ascending = np.sort(scores)
        self.tail = Pareto.fit(self.ascending)

    def threshold(self, rate: float) -> float:
        """What a new normal row exceeds with probability at most `rate`: the ceil((n + 1)(1 - rate))-th smallest of n
        scores (split conformal prediction, Vovk et al. 2005). Where n is too small for that, the fitted tail."""
        n = len(self.ascending)
        rank = math.ceil((n + 1) * (1.0 - rate))
        if rank <= n:
            return float(self.ascending[max(rank - 1, 0)])
        return self.extrapolated(rate)

    def extrapolated(self, rate: float) -> float:
        """What the fitted tail is above with probability `rate`; the conformal threshold within the bulk."""
        if self.tail is None:
            return float(self.ascending[-1])
        return self.tail.quantile(rate) if rate <= self.tail.share else self.threshold(rate)

    def rate(self, threshold: float) -> float:
        """The probability that a new normal row exceeds `threshold`."""
        n = len(self.ascending)
        above = n - int(np.searchsorted(self.ascending, threshold, side="right"))
        if above == 0 and self.tail is not None:
            return min(self.tail.exceeded(threshold), 1.0 / (n + 1))
        return (above + 1) / (n + 1)
