"""The known mistakes of assignment 7, contraction mappings, with their hints."""

from flowbook.exercises.known import Known, Mistake


class Turns(Known):
    """Three parts that move in turn."""

    idea = "three parts that move in turn"
    all_old = Mistake(
        "old parts used",
        "Each part moved by old parts. f2 and f3 see what has moved before them: x1, "
        "not z1.",
    )
    turned = Mistake(
        "arguments in another order",
        "A function takes the two parts in the order of their indices: f2 the first, "
        "then the third.",
    )
    no_log = Mistake(
        "logarithm forgotten",
        "The determinant is 1. Asked for is its logarithm.",
    )


class Back(Known):
    """Undoing the three turns."""

    idea = "undoing the three turns"
    not_reversed = Mistake(
        "order not reversed",
        "Undo the last move first. What f1 looked at comes back only when the later "
        "moves are undone.",
    )
    not_minus = Mistake(
        "added again",
        "The order is right, but a shift is undone by subtracting it.",
    )
    all_moved = Mistake(
        "moved parts used",
        "Once a part is back, the moves before it must see it as it was: z3, not x3.",
    )
    turned = Turns.turned
    forward = Mistake(
        "forward again",
        "This is three_turns once more. Undo the last move first, by subtracting.",
    )
    no_log = Turns.no_log


class Undo(Known):
    """The z with s * z + g(z) = x."""

    idea = "the z with s * z + g(z) = x"
    no_scale = Mistake(
        "scale forgotten",
        "This solves x = z + g(z). Here z is multiplied by s first: divide by s in "
        "every step.",
    )
    wrong_sign = Mistake(
        "g added",
        "This solves x = s * z - g(z). Bring g(z) to the other side of the equation.",
    )
    one_part = Mistake(
        "only one part divided",
        "s stands before the whole z. Bring g(z) over first, then divide all of it by"
        " s.",
    )
    one_step = Mistake(
        "stopped after one step",
        "This is z_1. Is the step repeated, from the newest point? A negative beta "
        "stops at once.",
    )


class Stop(Known):
    """The step at which each row stops."""

    idea = "the step at which each row stops"
    not_guaranteed = Mistake(
        "tolerance on the wrong quantity",
        "A small step is no small error, which can be beta / (1 - beta) times as "
        "large.",
    )
    previous = Mistake(
        "bound of the point before",
        "1 / (1 - beta) bounds the point before the step. Asked for is beta / (1 - "
        "beta).",
    )
    in_advance = Mistake(
        "bound in advance",
        "This uses the first step only, known before the iteration began. The latest "
        "knows more.",
    )
    wrong_beta = Mistake(
        "wrong contraction constant",
        "beta belongs to h, not to g. Dividing by s lengthens a vector by up to 1 / "
        "min|s|.",
    )
    one_step = Mistake(
        "stopped after one step",
        "Every row stops at once. A negative beta makes every bound small: what "
        "counts is |s|.",
    )
    entry = Mistake(
        "largest entry for length",
        "A step is measured by its largest entry here. The Lipschitz constant is for "
        "lengths.",
    )
    together = Mistake(
        "one stop for the whole batch",
        "Here all rows stop together. Each row has a step length, and a k, of its own.",
    )
    from_zero = Mistake(
        "counted from zero",
        "The first step leads from z_0 to z_1: that is k = 1.",
    )
    no_scale = Mistake(
        "scale forgotten",
        "Without the division by s this is the iteration for another layer, z + g(z).",
    )
    wrong_sign = Mistake(
        "g added",
        "These are the steps towards the z of x = s * z - g(z).",
    )
    one_part = Mistake(
        "only one part divided",
        "These are the steps of another map. Divide all of x - g(z) by s.",
    )
    square = Mistake(
        "length squared",
        "This compares squared lengths. The bound is for the length itself.",
    )
    l1 = Mistake(
        "sum of the entries for length",
        "A step is measured by the sum of its entries in size. The bound is for the "
        "length.",
    )
    mean_scale = Mistake(
        "mean of the scales",
        "Dividing by s lengthens most where |s| is smallest: take the minimum, not "
        "the mean.",
    )
    late = Mistake(
        "one step too many",
        "A row stops at the first k whose bound is small enough; this is one later. "
        "Is z_0 = x / s?",
    )


class Norm(Known):
    """The bound of the norm after some squarings."""

    idea = "the bound of the norm after some squarings"
    entrywise = Mistake(
        "elementwise power",
        "A**k, B * B take powers of entries. The power of a matrix is a matrix "
        "product, with @.",
    )
    no_root = Mistake(
        "root forgotten",
        "This is |B_t|_F, which grows without end. Undo every squaring: the power 1 /"
        " 2**t.",
    )
    wrong_root = Mistake(
        "wrong root",
        "t squarings make the power 2 * 2 * ... * 2 = 2**t, not 2 * t.",
    )
    one_more = Mistake(
        "number of squarings",
        "B_0 is A itself, so B_t has seen t squarings, and the root is that of t too.",
    )
    exact = Mistake(
        "the norm itself",
        "This is the norm, from a decomposition. Asked for is the bound, which is "
        "larger.",
    )
    no_last_root = Mistake(
        "root of the sum forgotten",
        "|B|_F is the root of the sum of the squares. This takes the sum itself.",
    )
    mean = Mistake(
        "mean over the entries",
        "|B|_F is the root of the sum of the squares, not of their mean.",
    )


class Contract(Known):
    """Matrices whose norms multiply to at most the bound."""

    idea = "matrices whose norms multiply to the bound at most"
    unscaled = Mistake(
        "no scaling",
        "These are the matrices as they came. Their norms multiply to more than the "
        "bound.",
    )
    stretched = Mistake(
        "scaled up",
        "These norms were small enough. The factor must be at most 1.",
    )
    each_alone = Mistake(
        "each matrix by itself",
        "A weak matrix lets another one be strong: only the product counts. One "
        "factor for all.",
    )
    no_root = Mistake(
        "root forgotten",
        "n matrices times c change the product of the norms by c**n. So c is an n-th "
        "root.",
    )
    largest = Mistake(
        "only the largest matrix scaled",
        "All matrices are multiplied by the same number, the weak ones too.",
    )
    sum = Mistake(
        "sum for product",
        "The norms of a chain are multiplied, not added.",
    )


class Series(Known):
    """The log-determinant by a power series."""

    idea = "the log-determinant by a power series"
    no_sign = Mistake(
        "(-1)^k forgotten",
        "The series of log(1 + a) alternates: plus a, minus a^2 / 2, plus a^3 / 3.",
    )
    flipped = Mistake(
        "(-1)^k for (-1)^(k+1)",
        "The signs alternate, but the series must begin with plus tr(A).",
    )
    no_k = Mistake(
        "1/k forgotten",
        "The k-th term is divided by k: the series is that of log(1 + a), not of a / "
        "(1 + a).",
    )
    entrywise = Norm.entrywise
    of_trace = Mistake(
        "power of the trace",
        "The trace of a power is not the power of the trace: multiply matrices first.",
    )
    no_log_scale = Mistake(
        "log|det S| forgotten",
        "This is the part of I + A alone. S stretches too: add the sum of log|s_i|.",
    )
    undivided = Mistake(
        "J in place of A",
        "The series is that of I + A with A = J / s, row by row. This has the powers "
        "of J.",
    )
    no_abs = Mistake(
        "missing absolute value",
        "NaN is the logarithm of a negative scale. A stretch is |s_i|.",
    )
    fewer = Mistake(
        "number of terms",
        "The sum stops too early or too late: it runs over k = 1, ..., terms, both "
        "included.",
    )
    summed = Mistake(
        "sum over the batch",
        "One log-determinant for each row is asked for; this is their sum.",
    )
    factorial = Mistake(
        "k! for k",
        "The k-th term is divided by k, not by k!: that is the series of the "
        "logarithm.",
    )


class Probes(Known):
    """What is true of random signs, as a list of truth values."""

    idea = "probes: dtype, signs, size, mean, rows, probes, entries"
    one_for_batch = Mistake(
        "one probe for the whole batch",
        "All rows have the same signs, so all rows err together. Draw signs for each "
        "row.",
    )
    one_for_all = Mistake(
        "one probe, copied",
        "The probes of a row are copies of one: their mean is no better than one of "
        "them.",
    )
    one_sign = Mistake(
        "one sign for the whole vector",
        "Then the mean of v v^T has no zeros off the diagonal: that is no trace. A "
        "sign an entry.",
    )
    gaussian = Mistake(
        "Gaussian probes",
        "These are not signs. With normal numbers the diagonal is not exact: more "
        "variance.",
    )
    zero_one = Mistake(
        "zeros and ones",
        "Zeros and ones have the mean 1/2. Signs are -1 and +1: stretch and shift.",
    )
    dtype_lost = Mistake(
        "dtype of z lost",
        "The signs have another dtype than z: products with the network need the same"
        " one.",
    )
    positive = Mistake(
        "signs of positive numbers",
        "All signs are the same. Which random numbers are as often negative as "
        "positive?",
    )
    uniform = Mistake(
        "uniform probes",
        "These lie between -1 and 1. Signs are exactly -1 or +1.",
    )
    pattern = Mistake(
        "signs in a pattern",
        "The signs alternate. Each must be drawn, independently of all others.",
    )
    dealt = Mistake(
        "as many +1 as -1, shuffled",
        "Signs that are dealt out know of each other: of two, one is always -1. Draw "
        "each by itself.",
    )


class Estimate(Known):
    """The log-determinant by probes, over all vectors of signs."""

    idea = "the log-determinant by probes, over all vectors of signs"
    no_sign = Mistake(
        "(-1)^k forgotten",
        "All terms have the same sign here. The series of log(1 + a) alternates.",
    )
    flipped = Series.flipped
    no_k = Mistake(
        "1/k forgotten",
        "The k-th term is divided by k.",
    )
    of_estimate = Mistake(
        "power of the estimate",
        "(v^T A v)^k is not v^T A^k v. Carry the vector on: w <- w^T A, once for each"
        " term.",
    )
    not_carried = Mistake(
        "vector not carried on",
        "Every term used the first product. The w of one term goes into the next.",
    )
    no_log_scale = Series.no_log_scale
    undivided = Mistake(
        "J in place of A",
        "A = J / s, row by row: divide the vector by s before every product with J.",
    )
    no_abs = Series.no_abs
    no_mean = Mistake(
        "sum over the probes",
        "The traces are means over the probes. This is a sum: it grows with their "
        "number.",
    )
    apart = Mistake(
        "no mean over the probes",
        "This has a value for each probe. Asked for is their mean, one number a row.",
    )
    summed = Series.summed
    averaged = Mistake(
        "mean over the batch",
        "One log-determinant for each row is asked for; this is their mean.",
    )
    factorial = Series.factorial
    self = Mistake(
        "w^T w for w^T v",
        "The end of each term is the product with the probe v: w^T v, not w^T w.",
    )


class EstimateGradient(Known):
    """What gradients reach; in this order: z, W, b and V (yes), and the probes (no)."""

    idea = "what gradients reach: z, W, b, V (yes), the probes (no)"
    in_graph = Mistake(
        "probe in the graph",
        "A gradient reaches the probes. They are chance, not parameters: use "
        "probes.detach().",
    )
    cut = Mistake(
        "graph cut",
        "No gradient arrives. autograd.grad needs create_graph=True; .item(), "
        ".detach() cut the way.",
    )
    points_cut = Mistake(
        "points detached",
        "z comes from the layers before, which could not learn. Detach the probes, "
        "not z.",
    )
