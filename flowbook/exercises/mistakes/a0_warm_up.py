"""The known mistakes of assignment 0, the warm-up, with their hints."""

from flowbook.exercises.known import Known, Mistake

TRANSPOSED = Mistake(
    "transposed Jacobian",
    "A row for each output, a column for each input: entry [i, j] is the derivative of "
    "output i by input j.",
)


class Jacobian(Known):
    """The Jacobian of a picture, point by point."""

    idea = "the Jacobian of the picture, one matrix a point"
    transposed = TRANSPOSED
    reshaped = Mistake(
        "reshaped, not transposed",
        "These are the entries of the transposed matrix, read off in its order. "
        "`reshape` keeps that order; `.mT` exchanges rows and columns.",
    )
    every = Mistake(
        "every point by every point",
        "This also holds the derivatives of each picture by the other points. Let vmap "
        "do one point at a time.",
    )
    axes = Mistake(
        "the batch is not first",
        "The points come first: shape (batch, 2, 3). `movedim` moves an axis.",
    )
    summed = Mistake(
        "sum over the batch",
        "One matrix a point is asked for; this is the sum of all of them.",
    )
    sign = Mistake(
        "sign of the depth",
        "What moves away gets smaller: the derivative of x / d by d has a minus.",
    )
    not_squared = Mistake(
        "depth not squared",
        "The derivative of 1 / d is -1 / d**2.",
    )


class Chain(Known):
    """The Jacobian of maps that are applied one after the other."""

    idea = "the Jacobian of several maps in a row"
    order = Mistake(
        "first map on the left",
        "The last map stands on the left: the first Jacobian meets the step first, and "
        "a matrix acts on what is to its right.",
    )
    transposed = TRANSPOSED
    elementwise = Mistake(
        "product entry by entry",
        "`*` multiplies entry by entry. The chain rule is a matrix product, `@`.",
    )
    added = Mistake(
        "Jacobians added",
        "Maps in a row multiply their Jacobians; what adds up is log|det|.",
    )
    last_lost = Mistake(
        "last map left out",
        "The product lacks the last map. It goes through all of the list.",
    )
    first_lost = Mistake(
        "first map left out",
        "The product lacks the first map. It goes through all of the list.",
    )


NOT_NORMALISED = Mistake(
    "weights do not sum to one",
    "The scores are used as if they were log-weights. The sum of all e**score must be "
    "divided out: subtract its logarithm.",
)
EQUAL = Mistake(
    "scores ignored",
    "This is the mixture with equal weights: the scores do not enter.",
)
AS_WEIGHTS = Mistake(
    "scores taken for weights",
    "A score is no weight: the weight is e**score, divided by the sum of them all.",
)
NO_LOG_OF_WEIGHTS = Mistake(
    "weights for their logarithms",
    "Here the weights themselves are added to the log-densities. Add log w.",
)
NOT_PUT_BACK = Mistake(
    "the largest number not put back",
    "Taking the largest number out of the sum is right. Its exponential was a factor: "
    "add the number again at the end.",
)
LOGS_AVERAGED = Mistake(
    "mean of the logarithms",
    "This averages log-densities. A mixture averages densities; the logarithm comes "
    "last.",
)
OVER_POINTS = Mistake(
    "sum over the points",
    "Shape (batch,) is asked for: the sum is over the parts, the last axis.",
)
NO_LOG = Mistake(
    "logarithm forgotten",
    "This is the density itself. Asked for is its logarithm.",
)


class Mixture(Known):
    """The log-density of a mixture."""

    idea = "the log-density of a mixture"
    not_normalised, equal, as_weights = NOT_NORMALISED, EQUAL, AS_WEIGHTS
    logs_averaged, over_points, no_log = LOGS_AVERAGED, OVER_POINTS, NO_LOG
    no_log_of_weights, not_put_back = NO_LOG_OF_WEIGHTS, NOT_PUT_BACK


class Extreme(Known):
    """The log-density of a mixture whose numbers are far from zero."""

    idea = "the log-density of a mixture"
    not_normalised, equal, as_weights = NOT_NORMALISED, EQUAL, AS_WEIGHTS
    logs_averaged, over_points, no_log = LOGS_AVERAGED, OVER_POINTS, NO_LOG
    no_log_of_weights, not_put_back = NO_LOG_OF_WEIGHTS, NOT_PUT_BACK
    overflow = Mistake(
        "overflow",
        "e**1000 is infinite to a computer, and so is the sum of the weights. Stay "
        "with logarithms: `torch.logsumexp`.",
    )
    underflow = Mistake(
        "underflow",
        "e**-1000 is zero to a computer, e**800 infinite. Take the exponential of "
        "differences only, as `torch.logsumexp` does.",
    )
    one_largest = Mistake(
        "one largest number for all points",
        "What is taken out is the largest number of the whole batch. Each point needs "
        "the largest of its own row.",
    )


class Own(Known):
    """The log-density at a student's own picture, judged by what it implies."""

    idea = "the shares of the five parts in your p(x), which add up to 1"
    no_weights = Mistake(
        "weights forgotten",
        "This is the logarithm of the sum of five densities. Each has the weight 1/5.",
    )
    underflow = Mistake(
        "underflow",
        "Your number is -inf: all five exponentials were rounded to zero. Use "
        "`torch.logsumexp`.",
    )
    largest = Mistake(
        "the largest part alone",
        "Your number is the largest of the five. The other parts count too, and each "
        "has the weight 1/5.",
    )
    logs_averaged = LOGS_AVERAGED


class Entropy(Known):
    """The entropy of a density by quadrature on a disk."""

    idea = "the entropy of a density by quadrature on a disk"
    no_area = Mistake(
        "missing base area",
        "A sum over points is no integral: multiply each term by the area of its cell.",
    )
    no_radius = Mistake(
        "cells of one size",
        "This gives every cell the area dr * dphi. Further out, cells are wider: "
        "multiply by r, the determinant of polar coordinates.",
    )
    no_widths = Mistake(
        "dr * dphi forgotten",
        "This weighs a point by r alone. A cell has the area r * dr * dphi.",
    )
    same_share = Mistake(
        "the disk in equal shares",
        "This gives every cell the same share of the disk's area. Cells near the "
        "centre are smaller than those at the rim.",
    )
    sign = Mistake(
        "sign",
        "The surprise is MINUS log p.",
    )
    half_turn = Mistake(
        "half a turn",
        "This sees half of the disk: a full turn is 2 pi.",
    )
    unweighted = Mistake(
        "p forgotten",
        "This adds up the surprise of all places alike. The mean is under the density: "
        "p * (-log p).",
    )
    mean = Mistake(
        "mean over the grid",
        "This averages over the points of the grid. An integral adds up value * area.",
    )
    bits = Mistake(
        "bits",
        "This is the entropy in bits. Asked for is nats: the natural logarithm.",
    )
    mass = Mistake(
        "the mass",
        "This is the integral of p. The entropy is that of -p log p.",
    )
    squared = Mistake(
        "r counted twice",
        "The determinant of polar coordinates is r, not its square.",
    )
    degrees = Mistake(
        "degrees",
        "A full turn is 2 pi: angles are in radians, for the cosine and for areas.",
    )
    no_point = Mistake(
        "polar coordinates for a point",
        "log_prob was asked at (r, phi). It wants the point of the plane, "
        "(r cos phi, r sin phi).",
    )


class Empty(Known):
    """The entropy of a density that is zero somewhere."""

    idea = "the entropy of a density that is zero in places"
    no_area, no_radius, no_widths = (
        Entropy.no_area,
        Entropy.no_radius,
        Entropy.no_widths,
    )
    same_share, sign, half_turn = Entropy.same_share, Entropy.sign, Entropy.half_turn
    unweighted, mean, bits = Entropy.unweighted, Entropy.mean, Entropy.bits
    mass, squared, degrees = Entropy.mass, Entropy.squared, Entropy.degrees
    no_point = Entropy.no_point
    edges = Mistake(
        "edges for middles",
        "The density is asked for at an edge of each ring. Take the middle: half a "
        "width further in, or out.",
    )
    zero_log_zero = Mistake(
        "0 log 0",
        "Where p = 0, 0 * log 0 is 0 * inf, which is NaN to a computer. Such a place "
        "adds nothing: put 0 there.",
    )
