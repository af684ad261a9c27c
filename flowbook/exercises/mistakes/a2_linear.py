"""The known mistakes of assignment 2, linear flows, with their hints."""

from flowbook.exercises.known import Known, Mistake

SINGLE = Mistake(
    "one number for the whole batch",
    "The log-determinant is the same for all points, and comes once for each: shape "
    "(batch,). expand(len(z)) repeats a number.",
)
SIGN = Mistake(
    "log-det sign",
    "This is the log-determinant of the opposite direction. The inverse undoes every "
    "stretching, so its log-determinant is minus the other.",
)
BATCH = Mistake(
    "sum over the batch",
    "This adds the log-determinants of all points. Each point has its own, which is "
    "that of the matrix.",
)
UNSHIFTED = Mistake("shift forgotten", "The shift b is missing: x = (...) + b.")


class Chain(Known):
    """Where the chain sends its points."""

    idea = "where the chain sends its points"
    transposed = Mistake(
        "transposed matrix",
        "Here an entry meets the one BEFORE it, as under the transposed matrix. x_i "
        "needs z_i and z_(i+1): with rows as points, z @ A.T.",
    )
    chained = Mistake(
        "chained on the results",
        "This adds e_i x_(i+1), which is mapped already. The formula has z_(i+1), "
        "as it was.",
    )
    late = Mistake(
        "neighbours' numbers one place off",
        "e has no entry for the last coordinate: e[i] belongs to z[:, i + 1] and to "
        "x[:, i], from i = 0 on.",
    )
    unscaled = Mistake(
        "last coordinate not scaled",
        "The last coordinate has no neighbour, but it has its d: x_D = d_D z_D.",
    )


class ChainInverse(Known):
    """The way back through the chain."""

    idea = "the way back through the chain"
    transposed = Mistake(
        "solved from the wrong end",
        "The first coordinate is no start: its equation has two unknowns. Begin with "
        "the last, and go up.",
    )
    unsolved = Mistake(
        "x in the place of z",
        "This takes x_(i+1) for the neighbour. The equation holds z_(i+1), which you "
        "have just solved for.",
    )
    divided = Mistake(
        "divided before subtracted",
        "This is x_i / d_i - e_i z_(i+1). Solve x_i = d_i z_i + e_i z_(i+1): first "
        "take the neighbour away, then divide all that is left.",
    )
    added = Mistake(
        "neighbour not taken away",
        "This adds e_i z_(i+1) again. Forward it was added, so here it is subtracted.",
    )
    unscaled = Mistake(
        "last coordinate not scaled",
        "The last coordinate has no neighbour, but it has its d: z_D = x_D / d_D.",
    )
    backwards = Mistake(
        "columns in the order of solving",
        "These are the right columns, the last one first: you solved from the end. "
        "Turn them round.",
    )
    again = Mistake(
        "forward map used again",
        "This is the forward map, applied to x. Solve its equations for z.",
    )


class ChainLogDet(Known):
    """The log-determinants of the chain."""

    idea = "the log-determinant of the chain"
    sign, single, batch = SIGN, SINGLE, BATCH
    negative = Mistake(
        "log of a negative number",
        "NaN is the logarithm of a negative number: an entry of d may be negative. "
        "Take log|d|.",
    )
    no_sum = Mistake(
        "no sum over coordinates",
        "Shape (batch,) is asked for. The determinant is a product over the diagonal, "
        "so the logarithms are added.",
    )
    neighbours = Mistake(
        "neighbours counted",
        "This adds log|e|, too. The determinant of a triangular matrix is the product "
        "of its diagonal alone.",
    )
    no_log = Mistake(
        "logarithm forgotten",
        "This adds up |d| itself. Asked for is the sum of the logarithms.",
    )


class ChainRange(Known):
    """The log-determinant of a long chain."""

    idea = "a log-determinant in 400 dimensions: finite, and not cut off"
    overflow = Mistake(
        "product overflow",
        "The product of 400 numbers is beyond every number of the computer, or zero. "
        "Take the logarithms first, and add them.",
    )
    cut_off = Mistake(
        "product cut off",
        "It is finite, but the same when all scales are doubled: what the computer "
        "could not hold is lost. Take the logarithms first, and add them.",
    )


class Packed(Known):
    """Where the layer of packed factors sends its points."""

    idea = "where L U P z + b sends its points"
    unshifted = UNSHIFTED
    diagonal = Mistake(
        "diagonal in the wrong factor",
        "This has the ones in L and the diagonal in U, as chapter 4 does. Here L has "
        "the diagonal, and the ones belong to U.",
    )
    twice = Mistake(
        "diagonal in both factors",
        "Both factors have the diagonal here. It belongs to L; U has ones there.",
    )
    ones_added = Mistake(
        "ones added to the diagonal",
        "The diagonal of your U is 1 plus that of packed. U takes only what stands "
        "above it, packed.triu(1), and has ones there.",
    )
    no_diagonal = Mistake(
        "diagonal in no factor",
        "Your L has zeros on its diagonal, as tril(-1) leaves them. The diagonal of "
        "packed belongs to L.",
    )
    no_ones = Mistake(
        "ones forgotten",
        "Your U has zeros on its diagonal. The ones are not stored: add them.",
    )
    exchanged = Mistake(
        "factors in the wrong order",
        "This is x = U L P z + b. Nearest to z stands U, so it acts before L.",
    )
    transposed = Mistake(
        "transposed matmul",
        "A factor came in from the wrong side. With points as rows L y is "
        "y @ L.T, and L U y is y @ U.T @ L.T.",
    )
    order = Mistake(
        "permutation the wrong way round",
        "This sorts back where it should reorder: (P z)_i is the entry order[i] of z, "
        "z[:, order].",
    )
    late = Mistake(
        "permutation after the factors",
        "This reorders L U z, as in chapter 4. Here the permutation comes first.",
    )


class PackedInverse(Known):
    """The way back through the layer of packed factors."""

    idea = "the way back through L U P z + b"
    diagonal = Packed.diagonal
    twice = Packed.twice
    ones_added = Packed.ones_added
    exchanged = Mistake(
        "factors in the wrong order",
        "This solves with U first. Forward L acts last, so it is undone first.",
    )
    order = Mistake(
        "permutation the wrong way round",
        "This reorders a second time. What z[:, order] has done, the order that sorts "
        "it undoes: order.argsort().",
    )
    kept = Mistake(
        "permutation not undone",
        "This is P z, the entries in the new order. Undo the reordering last.",
    )
    unshifted = Mistake(
        "shift forgotten",
        "The shift is still there. Take b away from x before anything else.",
    )
    late = Mistake(
        "shift undone too late",
        "This takes b away at the end. Forward it is added last, so it goes first.",
    )
    added = Mistake(
        "shift not undone",
        "This adds b a second time. Forward it was added, so here it is subtracted.",
    )
    transposed = Mistake(
        "transposed matmul",
        "This solves with the transposed factors. solve_triangular(L, Y) takes "
        "points as columns: transpose x, not the factor.",
    )
    again = Mistake(
        "forward map used again",
        "This is the forward map, applied to x. Solve with the factors instead.",
    )


class PackedLogDet(Known):
    """The log-determinants of the layer of packed factors."""

    idea = "the log-determinant of L U P z + b"
    sign, single = SIGN, SINGLE
    negative = Mistake(
        "log of a negative number",
        "NaN is the logarithm of a negative number: an entry of the diagonal may be "
        "negative. Take its absolute value.",
    )
    permutation = Mistake(
        "permutation sign",
        "The determinant is negative because P is odd, and NaN is its logarithm. "
        "Asked for is log|det|, to which P adds log 1 = 0.",
    )
    packed_det = Mistake(
        "determinant of the packed square",
        "The packed square is only a store for two factors. Its determinant is not "
        "det L times det U.",
    )
    everything = Mistake(
        "all entries counted",
        "This adds the logarithms of all entries. The determinant of a triangular "
        "factor is the product of its diagonal alone.",
    )


class Table(Known):
    """The tables that the layer of rows and columns makes."""

    idea = "the table A Z B^T"
    transposed = Mistake(
        "transposed matmul",
        "This is A Z B. B mixes the numbers of a row as A mixes those of a column, "
        "so its transpose stands on the right.",
    )
    both = Mistake(
        "both matrices transposed",
        "This is A^T Z B. Here a point is no row but a whole table, and the formula "
        "can be written as it stands: left @ z @ right.T.",
    )
    rows = Mistake(
        "columns not mixed",
        "This is A Z. The second matrix, B, has not acted.",
    )


class TableInverse(Known):
    """The way back from a table."""

    idea = "the way back from the table A Z B^T"
    transposed = Mistake(
        "transposed matmul",
        "This solves Y = Z B, and the map was Y = Z B^T. Turn it: Y^T = B Z^T is a "
        "system with B, for the transposed table.",
    )
    rows = Mistake(
        "columns not solved",
        "This is Z B^T: only A is undone. Solve with B, too.",
    )
    again = Mistake(
        "forward map used again",
        "This is the forward map, applied to x. Solve with both matrices instead.",
    )


class TableLogDet(Known):
    """The log-determinants of the layer of rows and columns."""

    idea = "the log-determinant of Z -> A Z B^T"
    sign, single = SIGN, SINGLE
    counts = Mistake(
        "rows and columns exchanged",
        "A has h rows, but it acts on w columns: log|det A| counts w times, and "
        "log|det B| counts h times.",
    )
    once = Mistake(
        "each determinant counted once",
        "A acts on every column, and B on every row: each stretches as often as it "
        "acts.",
    )
    rows = Mistake(
        "columns' matrix left out",
        "This has the part of A alone. B stretches, too: once for every row.",
    )
    negative = Mistake(
        "log of a negative number",
        "NaN is the logarithm of a negative determinant. slogdet(left).logabsdet is "
        "log|det A|.",
    )
    diagonals = Mistake(
        "diagonals alone",
        "This has the diagonals of A and B alone. These two are not triangular: take "
        "slogdet(left).logabsdet for log|det A|.",
    )
    overflow = Mistake(
        "product overflow",
        "A determinant to the power of 200 is beyond every number of the computer. "
        "Multiply its logarithm by 200 instead.",
    )


class JointMean(Known):
    """The mean of a point and its image."""

    idea = "the mean of z and x = A z + b together"
    unshifted = UNSHIFTED
    x_first = Mistake(
        "x before z",
        "The two parts are exchanged: z comes first, and x behind it.",
    )
    all_shifted = Mistake(
        "z shifted, too",
        "The shift is in both parts. It belongs to x alone; z keeps its mean.",
    )


class JointCovariance(Known):
    """The covariance of a point and its image."""

    idea = "the covariance of z and x = A z + b together"
    x_first = JointMean.x_first
    transposed = Mistake(
        "transposed matmul",
        "The block of x is A^T Sigma A here. x - E x is A (z - E z), so A stands on "
        "the left, and its transpose on the right.",
    )
    no_transpose = Mistake(
        "A Sigma A",
        "The block of x is A Sigma A here, which is not even symmetric. The second A "
        "is transposed.",
    )
    independent = Mistake(
        "z and x taken for independent",
        "Cov[z, x] is zero here. But x is made of z: the block is "
        "E[(z - E z) (z - E z)^T A^T].",
    )
    blocks = Mistake(
        "mixed blocks exchanged",
        "Cov[z, x] and Cov[x, z] are exchanged. A row of the block at the top right "
        "belongs to an entry of z, a column to one of x.",
    )
    base = Mistake(
        "covariance of z forgotten",
        "This is right for the covariance I. Here z has the covariance Sigma.",
    )


class Symmetric(Known):
    """The best linear flow whose matrix is symmetric."""

    idea = "the best linear flow with a symmetric matrix"
    no_root = Mistake(
        "square root forgotten",
        "This is S itself. A A^T = S, so A is a square root of S.",
    )
    inverse = Mistake(
        "matrix of the inverse",
        "This is the matrix that whitens the data, A^(-1). Asked for is that of "
        "x = A z + b, which makes data of white points.",
    )
    cholesky = Mistake(
        "Cholesky factor",
        "This is the triangular one, as in chapter 4. A symmetric one comes from "
        "eigenvalues and eigenvectors.",
    )
    entries = Mistake(
        "root of every entry",
        "A square root of a matrix is not the matrix of the square roots: A @ A must "
        "be S. Take roots of the eigenvalues.",
    )
    one_side = Mistake(
        "eigenvectors on one side only",
        "This is Q diag(sqrt(lambda)), for which A A^T = S holds, too. It is not "
        "symmetric: Q^T on the right makes it so.",
    )
    untransposed = Mistake(
        "second Q not transposed",
        "This is Q diag(...) Q. The Q on the right is transposed, as in "
        "S = Q diag(lambda) Q^T.",
    )
    turned = Mistake(
        "eigenvectors transposed",
        "This is Q^T diag(...) Q. The columns of Q are the eigenvectors, so Q stands "
        "on the left.",
    )
    less_one = Mistake(
        "divided by n - 1",
        "The likelihood wants the covariance of the data themselves: divide by n.",
    )
    not_centred = Mistake(
        "data not centred",
        "This is a root of the mean of x x^T. Take the mean away from the data first.",
    )
    negative = Mistake(
        "shift of the inverse",
        "b is added on the way to the data: it is their mean, not minus the mean.",
    )
    whitened = Mistake(
        "shift in units of z",
        "This is A^(-1) times the mean, as if the shift came before the matrix. In "
        "x = A z + b it comes last.",
    )
