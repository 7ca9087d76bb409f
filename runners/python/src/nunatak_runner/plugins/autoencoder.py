"""A neural detector without a framework: what a small network cannot reproduce is unusual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..context import Context
from ..detector import Detector, State, hyperparameter
from ..errors import ArtifactError, NumericError

#: Adam's usual constants (Kingma and Ba 2015).
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
#: Weights of a network from a file; more is no small one.
MAX_WEIGHTS = 50_000_000


class Autoencoder(Detector):
    """Columns are standardised; a network with a narrow middle learns to give back its input, and the score of a row is
    the mean squared error of that (Hawkins et al. 2002; Sakurada and Yairi 2014). Trained with Adam on mini-batches, in
    NumPy alone. The loss of each epoch is a metric that can be watched."""

    name = "autoencoder"
    version = "1.0.0"
    title = "Autoencoder (NumPy)"
    summary = "For many correlated features whose relations are not linear, with thousands of rows to learn from."

    @dataclass
    class Hyperparameters:
        hidden: int = hyperparameter(16, "Units of the layers around the middle.", minimum=1, maximum=512)
        bottleneck: int = hyperparameter(4, "Units of the middle: fewer than columns.", minimum=1, maximum=256)
        activation: Literal["tanh", "relu"] = hyperparameter("tanh", "Of all layers but the last.")
        epochs: int = hyperparameter(50, "Times that every row is seen.", minimum=1, maximum=10_000)
        batch_size: int = hyperparameter(64, "Rows of one step.", minimum=1, maximum=65_536)
        learning_rate: float = hyperparameter(0.005, "Of Adam.", exclusive_minimum=0.0, maximum=1.0)
        weight_decay: float = hyperparameter(1e-5, "Pull of the weights towards 0.", minimum=0.0, maximum=1.0)

    def fit(self, X: np.ndarray, y: np.ndarray | None = None, *, seed: int, context: Context) -> None:
        chosen, random = self.hyperparameters, np.random.default_rng(seed & (2**64 - 1))
        self.mean_ = X.mean(axis=0)
        deviation = X.std(axis=0)
        self.scale_ = np.where(deviation > 0, deviation, 1.0)
        Z = (X - self.mean_) / self.scale_
        sizes = [X.shape[1], chosen.hidden, chosen.bottleneck, chosen.hidden, X.shape[1]]
        self.weights = []
        for n_in, n_out in zip(sizes, sizes[1:], strict=False):
            limit = np.sqrt(6.0 / (n_in + n_out))
            self.weights += [random.uniform(-limit, limit, (n_in, n_out)), np.zeros(n_out)]
        adam = _Adam(self.weights, chosen.learning_rate, chosen.weight_decay)
        for epoch in range(chosen.epochs):
            loss = 0.0
            for start in range(0, len(Z), chosen.batch_size):
                if start == 0:
                    order = random.permutation(len(Z))
                batch = Z[order[start : start + chosen.batch_size]]
                part, gradients = self._gradients(batch)
                adam.step(self.weights, gradients)
                loss += part * len(batch)
                context.check_cancelled()
            self.loss_ = loss / len(Z)
            if not np.isfinite(self.loss_):
                raise NumericError("the loss is not finite: choose a lower `learning_rate`")
            context.metric("loss", self.loss_, epoch)
            context.progress((epoch + 1) / chosen.epochs, f"epoch {epoch + 1} of {chosen.epochs}")

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        # What is too large is refused as a score that is not finite.
        with np.errstate(over="ignore", invalid="ignore"):
            Z = (X - self.mean_) / self.scale_
            return ((self._forward(Z)[-1] - Z) ** 2).mean(axis=1)

    def save(self) -> State:
        arrays = {f"weight.{at}": weight for at, weight in enumerate(self.weights)}
        return State({"mean": self.mean_, "scale": self.scale_, **arrays}, {"loss": float(self.loss_)})

    def load(self, state: State) -> None:
        arrays = dict(state.arrays)
        try:
            self.mean_, self.scale_ = arrays.pop("mean"), arrays.pop("scale")
            self.weights = [arrays.pop(f"weight.{at}") for at in range(len(arrays))]
            self.loss_ = float(state.data["loss"])
        except (KeyError, TypeError, ValueError):
            raise ArtifactError("a layer is missing") from None
        sizes = [len(self.mean_)]
        for weight, bias in zip(self.weights[::2], self.weights[1::2], strict=False):
            if weight.ndim != 2 or weight.shape[0] != sizes[-1] or bias.shape != weight.shape[1:]:
                raise ArtifactError("its layers do not fit each other")
            sizes.append(weight.shape[1])
        size = sum(weight.size for weight in self.weights)
        if len(self.weights) != 8 or sizes[-1] != sizes[0] or self.scale_.shape != self.mean_.shape or size > MAX_WEIGHTS:
            raise ArtifactError("its layers do not fit each other")

    def _forward(self, Z: np.ndarray) -> list[np.ndarray]:
        """The input and what each layer gives."""
        layers = [Z]
        for at in range(0, len(self.weights), 2):
            linear = layers[-1] @ self.weights[at] + self.weights[at + 1]
            last = at + 2 == len(self.weights)
            if not last:
                linear = np.tanh(linear) if self.hyperparameters.activation == "tanh" else np.maximum(linear, 0.0)
            layers.append(linear)
        return layers

    def _gradients(self, Z: np.ndarray) -> tuple[float, list[np.ndarray]]:
        layers = self._forward(Z)
        error = layers[-1] - Z
        loss = float((error**2).mean())
        delta = 2.0 * error / error.size
        gradients: list[np.ndarray] = []
        for at in range(len(self.weights) - 2, -1, -2):
            below = layers[at // 2]
            gradients = [below.T @ delta, delta.sum(axis=0), *gradients]
            if at:
                slope = 1.0 - below**2 if self.hyperparameters.activation == "tanh" else (below > 0).astype(float)
                delta = (delta @ self.weights[at].T) * slope
        return loss, gradients


class _Adam:
    def __init__(self, weights: list[np.ndarray], rate: float, decay: float) -> None:
        self.rate, self.decay, self.t = rate, decay, 0
        self.first = [np.zeros_like(weight) for weight in weights]
        self.second = [np.zeros_like(weight) for weight in weights]

    def step(self, weights: list[np.ndarray], gradients: list[np.ndarray]) -> None:
        self.t += 1
        for weight, gradient, first, second in zip(weights, gradients, self.first, self.second, strict=True):
            gradient = gradient + self.decay * weight
            first += (1 - BETA1) * (gradient - first)
            second += (1 - BETA2) * (gradient**2 - second)
            step = first / (1 - BETA1**self.t) / (np.sqrt(second / (1 - BETA2**self.t)) + EPSILON)
            weight -= self.rate * step


def detectors() -> list[type[Detector]]:
    return [Autoencoder]
