"""The Gaussian copula: what a correlation matrix can say once marginals are uniform."""

import torch
from torch import Tensor, nn
from torch.linalg import solve_triangular
from torch.special import ndtr, ndtri

from flowbook.densities import Density, StandardNormal
from flowbook.densities.base import normal, supported
from flowbook.flow import Flow, Layer
from flowbook.gaussianization import MarginalGaussianization
from flowbook.inputs import as_numbers


class Correlation(Layer):
    """A triangular matrix whose product with its transpose is a correlation matrix.

    Standard normal z become normal x with variances 1 and the correlations R:

        x = Lz,    L L^T = R,    L = V / |rows of V|,    log|det| = -sum(log |row|),

    where V is lower triangular with ones on its diagonal and free below it, so that
    every row of L has length 1 and every V gives a correlation matrix.

    Shapes: z and x (batch, dim); matrix R (dim, dim), where training starts; log_det
    (batch,).

    Raises:
        ValueError: R is no correlation matrix: symmetric, positive definite, and with
            ones on its diagonal.
    """

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        factor = _factor(matrix, "Correlation")
        self.dim = len(factor)
        self.below = nn.Parameter((factor / factor.diagonal()[:, None]).tril(-1))

    @property
    def factor(self) -> Tensor:
        """The triangular L, shape (dim, dim)."""
        rows = self._rows()
        return rows / rows.norm(dim=1, keepdim=True)

    @property
    def matrix(self) -> Tensor:
        """The correlations R, shape (dim, dim)."""
        return self.factor @ self.factor.mT

    def _rows(self) -> Tensor:
        return self.below.tril(-1) + torch.ones_like(self.below[0]).diag()

    def _log_det(self) -> Tensor:
        return -self._rows().norm(dim=1).log().sum()

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        return z @ self.factor.mT, self._log_det().expand(len(z))

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        z = solve_triangular(self.factor.mT, x, upper=True, left=False)
        return z, -self._log_det().expand(len(x))


class GaussianCopula(Density):
    """The density of Phi(y), entry by entry, for a normal y with correlations R.

    Its marginals are uniform on (0, 1). With y = Phi^{-1}(u),

        log c(u) = -1/2 log det R - 1/2 y^T (R^{-1} - I) y,
        entropy = 1/2 log det R,

    which is minus what the entries know of one another (Sklar, 1959, for the name).

    Shapes: log_prob maps (..., dim) to (...); sample returns (n, dim).

    Raises:
        ValueError: R is no correlation matrix.
    """

    def __init__(self, matrix: Tensor) -> None:
        self.factor = _factor(torch.as_tensor(matrix).double(), "GaussianCopula")
        self.dim = len(self.factor)
        self.bounds = ((0.0, 1.0),) * self.dim

    def log_prob(self, u: Tensor) -> Tensor:
        """Return log c(u) in nats, (..., dim) to (...)."""
        inside = ((u > 0) & (u < 1)).all(-1)
        y = ndtri(torch.where(inside[..., None], u, 0.5))
        factor = self.factor.to(u)
        z = solve_triangular(factor.mT, y, upper=True, left=False)
        log_ratio = 0.5 * (y.square() - z.square()).sum(-1)
        log_prob = log_ratio - factor.diagonal().log().sum()
        return supported(inside, log_prob, u)

    def _draw(self, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        z = normal(generator, dtype, n, self.dim)
        return ndtr(z @ self.factor.to(z).mT)

    def entropy(self) -> float:
        """Return 1/2 log det R, negative unless R is the identity."""
        return self.factor.diagonal().log().sum().item()


def gaussian_copula(data: Tensor, components: int = 8) -> Flow:
    """Fit a Gaussian copula with mixtures as marginals: a flow of two layers.

    z is correlated, and then each entry takes its marginal:

        x_i = F_i^{-1}(Phi(y_i)),    y = Lz.

    The marginals are fitted first; the correlations are those of the normal scores.
    Both can be trained further, together. Shapes: data (n, dim).
    """
    marginals = MarginalGaussianization.from_data(data, components)
    with torch.no_grad():
        scores, _ = marginals.inverse(data.detach())
    correlation = Correlation(torch.corrcoef(scores.mT).reshape(data.shape[1], -1))
    return Flow(StandardNormal(data.shape[1]), [correlation, marginals])


def _factor(matrix: Tensor, owner: str) -> Tensor:
    matrix = as_numbers(matrix, owner, "matrix")
    if matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]:
        close = 1e4 * torch.finfo(matrix.dtype).eps
        factor, failed = torch.linalg.cholesky_ex(matrix)
        unit = (matrix.diagonal() - 1).abs().max() <= close
        symmetric = (matrix - matrix.mT).abs().max() <= close
        if unit and symmetric and not failed:
            return factor
    raise ValueError(
        f"{owner} expects a correlation matrix: symmetric, positive definite, ones on "
        f"its diagonal; got {matrix.tolist() if matrix.numel() < 10 else '...'}."
    )
