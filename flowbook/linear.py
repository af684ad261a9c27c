"""Linear layers x = Az whose determinant and inverse cost far less than a general A's.

None of them adds a constant; `flowbook.elementwise.ElementwiseAffine` does. A tensor
given to a constructor is where training starts, so `Diagonal(torch.ones(3))` starts
as the identity. Inverses are solved for: none is ever formed.
"""

import torch
from torch import Tensor, nn
from torch.linalg import solve_triangular

from flowbook.flow import Layer
from flowbook.inputs import as_numbers, expect_order


class Diagonal(Layer):
    """Scale every entry: x = d * z with d nonzero.

    Stored as log|d|, which is trained, and sign(d), which stays, because no path of
    invertible maps leads from a positive scale to a negative one:

        log|det dx/dz| = sum(log|d|).

    Shapes: z and x (batch, dim); scale (dim,); log_det (batch,).
    """

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        scale = as_numbers(scale, "Diagonal", "scale")
        if scale.ndim != 1 or not scale.all():
            raise ValueError(
                f"A diagonal is a vector of nonzero entries; got {scale.tolist()}."
            )
        self.dim = len(scale)
        self.log_scale = nn.Parameter(scale.abs().log())
        self.register_buffer("sign", scale.sign())

    @property
    def scale(self) -> Tensor:
        """The diagonal d, shape (dim,)."""
        return self.sign * self.log_scale.exp()

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        return z * self.scale, self.log_scale.sum().expand(len(z))

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        return x / self.scale, -self.log_scale.sum().expand(len(x))


class Permutation(Layer):
    """Reorder the entries: x[i] = z[order[i]].

    The determinant is 1 or -1, so log|det| = 0.

    Shapes: z and x (batch, dim); order (dim,) of integers; log_det (batch,).
    """

    def __init__(self, order: Tensor) -> None:
        super().__init__()
        order = expect_order(order, "Permutation")
        self.dim = len(order)
        self.register_buffer("order", order)
        self.register_buffer("back", order.argsort())

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz| = 0."""
        return z.index_select(-1, self.order), z.new_zeros(len(z))

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx| = 0."""
        return x.index_select(-1, self.back), x.new_zeros(len(x))


class Householder(Layer):
    """An orthogonal matrix as a product of reflections (Householder, 1958).

    Each reflection sends a vector v to -v and keeps what is orthogonal to it,

        x = H_1 H_2 ... H_k z,    H_i = I - 2 v_i v_i^T / |v_i|^2.

    Products of dim reflections reach every orthogonal matrix whose determinant is
    (-1)^dim; log|det| = 0 and the inverse takes the reflections in reverse order.

    Shapes: z and x (batch, dim); vectors (k, dim), none of them 0; log_det (batch,).
    """

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        vectors = as_numbers(vectors, "Householder", "vectors")
        squares = vectors.square().sum(-1)
        if vectors.ndim != 2 or not (squares.isfinite() & (squares > 0)).all():
            raise ValueError(
                "Householder expects the rows of a matrix as its vectors, none of "
                f"them zero or too long to be squared; got {vectors.tolist()}."
            )
        self.dim = vectors.shape[1]
        self.vectors = nn.Parameter(vectors)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz| = 0."""
        return self._reflect(z, self.vectors.flip(0)), z.new_zeros(len(z))

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx| = 0."""
        return self._reflect(x, self.vectors), x.new_zeros(len(x))

    @staticmethod
    def _reflect(z: Tensor, vectors: Tensor) -> Tensor:
        for vector in vectors:
            z = z - 2 * (z @ vector / vector.dot(vector))[:, None] * vector
        return z


class Triangular(Layer):
    """A lower triangular matrix with a nonzero diagonal: x = Lz.

    The determinant is the product of the diagonal, and the inverse is found by
    substitution: both directions take O(dim^2) operations a row.

    Shapes: z and x (batch, dim); matrix (dim, dim), above its diagonal ignored;
    log_det (batch,).
    """

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        matrix = _square(matrix, "Triangular")
        self.diagonal = Diagonal(matrix.diagonal())
        self.dim = self.diagonal.dim
        self.below = nn.Parameter(matrix.tril(-1))

    @property
    def matrix(self) -> Tensor:
        """The matrix L, shape (dim, dim)."""
        return self.below.tril(-1) + self.diagonal.scale.diag()

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        return z @ self.matrix.mT, self.diagonal.log_scale.sum().expand(len(z))

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        # Rows are the vectors here, so that x = Lz reads x^T = z^T L^T.
        z = solve_triangular(self.matrix.mT, x, upper=True, left=False)
        return z, -self.diagonal.log_scale.sum().expand(len(x))


class PLU(Layer):
    """Any invertible matrix as P L (U + D) (Kingma & Dhariwal, 2018, section 3.2).

    P is a permutation and stays fixed; L is lower triangular with ones on its
    diagonal, U strictly upper triangular, D diagonal and nonzero:

        x = P L (U + D) z,    log|det dx/dz| = sum(log|D|),

    and the inverse is two substitutions: O(dim^2) a row where a general matrix costs
    O(dim^3) once for its determinant. The factors of `matrix` are the start.

    Shapes: z and x (batch, dim); matrix (dim, dim), invertible; log_det (batch,).
    """

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        permutation, lower, upper = torch.linalg.lu(_square(matrix, "PLU"))
        self.diagonal = Diagonal(upper.diagonal())
        self.dim = self.diagonal.dim
        self.permutation = Permutation(permutation.argmax(1))
        self.below = nn.Parameter(lower.tril(-1))
        self.above = nn.Parameter(upper.triu(1))

    @property
    def lower(self) -> Tensor:
        """The factor L, shape (dim, dim)."""
        return self.below.tril(-1) + torch.ones_like(self.below[0]).diag()

    @property
    def upper(self) -> Tensor:
        """The factor U + D, shape (dim, dim)."""
        return self.above.triu(1) + self.diagonal.scale.diag()

    @property
    def matrix(self) -> Tensor:
        """The product P L (U + D), shape (dim, dim)."""
        return (self.lower @ self.upper)[self.permutation.order]

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        x, _ = self.permutation(z @ self.upper.mT @ self.lower.mT)
        return x, self.diagonal.log_scale.sum().expand(len(z))

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        z, _ = self.permutation.inverse(x)
        z = solve_triangular(
            self.lower.mT, z, upper=True, left=False, unitriangular=True
        )
        z = solve_triangular(self.upper.mT, z, upper=False, left=False)
        return z, -self.diagonal.log_scale.sum().expand(len(x))


class Dense(Layer):
    """Any invertible matrix, and its determinant for what that costs: x = Wz.

        log|det dx/dz| = log|det W|,

    O(dim^3) a call whatever the batch; `PLU` is what spares it.

    Shapes: z and x (batch, dim); matrix (dim, dim), invertible; log_det (batch,).
    """

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.matrix = nn.Parameter(_square(matrix, "Dense"))
        self.dim = len(self.matrix)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        log_det = torch.linalg.slogdet(self.matrix).logabsdet
        return z @ self.matrix.mT, log_det.expand(len(z))

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        log_det = torch.linalg.slogdet(self.matrix).logabsdet
        return torch.linalg.solve(self.matrix, x.mT).mT, -log_det.expand(len(x))


def _square(matrix: Tensor, owner: str) -> Tensor:
    matrix = as_numbers(matrix, owner, "matrix")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(
            f"{owner} expects a matrix of shape (dim, dim), got {tuple(matrix.shape)}."
        )
    return matrix


class ActNorm(Layer):
    """Activation normalisation of Glow (Kingma & Dhariwal, 2018).

    A scale and a shift for every entry, x = z * exp(s) + t, that the first batch of
    `inverse` in training mode sets so that z has mean 0 and variance 1. From then on
    they are ordinary parameters; before, the layer is the identity.

    Data come through `inverse`. What comes through `forward` first may be samples of
    a flow that saw no data yet, which must set nothing.

    Shapes: z and x (batch, dim); log_det (batch,).
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.log_scale = nn.Parameter(torch.zeros(dim))
        self.shift = nn.Parameter(torch.zeros(dim))
        self.register_buffer("initialised", torch.tensor(False))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        x = z * self.log_scale.exp() + self.shift
        return x, self.log_scale.sum().expand(len(z))

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        if self.training and not self.initialised:
            mean, std = self._moments(x)
            self._set(std.log(), mean)
        z = (x - self.shift) * (-self.log_scale).exp()
        return z, -self.log_scale.sum().expand(len(x))

    @staticmethod
    def _moments(batch: Tensor) -> tuple[Tensor, Tensor]:
        mean = batch.mean(0)
        std = (batch - mean).square().mean(0).sqrt()
        if not (std > 0).all():
            raise ValueError(
                "ActNorm expects a first batch in which every entry varies; "
                f"got {len(batch)} rows with standard deviations {std.tolist()}."
            )
        return mean, std

    @torch.no_grad()
    def _set(self, log_scale: Tensor, shift: Tensor) -> None:
        self.log_scale.copy_(log_scale)
        self.shift.copy_(shift)
        self.initialised.fill_(True)
