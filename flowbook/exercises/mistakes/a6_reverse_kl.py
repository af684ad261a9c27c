"""The known mistakes of assignment 6, reverse KL, with their hints."""

from flowbook.exercises.known import Known, Mistake

# --- Exercise 6.1: the free energy ----------------------------------------------------


class FreeEnergy(Known):
    """The loss for a target that is known by its energy."""

    idea = "the free energy of a flow"
    no_entropy = Mistake(
        "entropy dropped",
        "This is the mean energy alone. Without T log q(x) every sample falls to the "
        "lowest energy.",
    )
    direction = Mistake(
        "KL direction",
        "This is minus the free energy, from log p - log q. KL(q || p) is the mean of "
        "log q - log p.",
    )
    entropy_sign = Mistake(
        "sign of the entropy",
        "F is the energy minus T times the entropy, and the entropy is the mean of "
        "-log q.",
    )
    log_det_sign = Mistake(
        "log-det sign",
        "The layers map z to x, so log q(x) is log p(z) minus their log-dets. "
        "Stretched means thinner.",
    )
    no_log_det = Mistake(
        "log-det forgotten",
        "The density of x is not that of z: each layer stretches, and log q(x) falls "
        "by its log-det.",
    )
    last_alone = Mistake(
        "log-det of the last layer alone",
        "Every layer stretches. Add up all their log-dets.",
    )
    no_base = Mistake(
        "base forgotten",
        "log q(x) begins with log p_Z(z), that of the Laplace base. Here it is "
        "missing.",
    )
    base_at_x = Mistake(
        "base asked at x",
        "The base density belongs to z, before the layers; here it is that of x.",
    )
    normal = Mistake(
        "normal base",
        "Here the base is Laplace, e^-|z| / 2 for each entry, and not normal.",
    )
    constant = Mistake(
        "constant of the base forgotten",
        "e^-|z| is no density yet: each entry has the factor 1/2.",
    )
    scaled_energy = Mistake(
        "temperature on the wrong term",
        "You took T E + log q. The temperature multiplies the entropy.",
    )
    ignored = Mistake(
        "temperature ignored",
        "This is the free energy at T = 1.",
    )
    divided = Mistake(
        "divided by the temperature",
        "This is E/T + log q, the free energy over T. Asked for is E + T log q.",
    )
    summed = Mistake(
        "sum over the batch",
        "This is the sum over the rows. An expectation is estimated by their mean.",
    )


class FreeEnergyGradient(Known):
    """What autograd gives for the numbers in the layers."""

    idea = "change of F by a step, its gradient in z and the numbers"
    detached = Mistake(
        "detached samples",
        "No gradient flows through the energy of x. Each sample must feel the slope: "
        "no detach, no no_grad.",
    )
    sample_only = Mistake(
        "gradient through the sample only",
        "The gradient reaches the numbers through E(x) alone. It must flow through the"
        " log-dets too.",
    )
    between = Mistake(
        "detached between the layers",
        "A layer gets its x without the way that led there. Give it the x of the layer"
        " before as it is.",
    )
    no_gradient = Mistake(
        "no gradient",
        "The loss knows nothing of the layers: something as no_grad, item or detach "
        "cut it off.",
    )
    no_entropy = FreeEnergy.no_entropy
    direction = FreeEnergy.direction
    entropy_sign = FreeEnergy.entropy_sign
    log_det_sign = FreeEnergy.log_det_sign
    no_log_det = FreeEnergy.no_log_det
    no_base = FreeEnergy.no_base
    normal = FreeEnergy.normal
    last_alone = FreeEnergy.last_alone
    base_at_x = FreeEnergy.base_at_x
    scaled_energy = FreeEnergy.scaled_energy
    ignored = FreeEnergy.ignored
    divided = FreeEnergy.divided
    summed = FreeEnergy.summed


# --- Exercise 6.2: a bump along one direction -----------------------------------------


class Bump(Known):
    """Where the bump layer sends its input, and its log-determinant."""

    idea = "where the bump layer sends z"
    tanh = Mistake(
        "tanh, as in the chapter",
        "This is the planar layer of chapter 8. Here h(a) = a exp(-a^2/2).",
    )
    no_z = Mistake(
        "z forgotten",
        "This is u h(a) alone. The layer adds it to z.",
    )
    no_bias = Mistake(
        "b forgotten",
        "a is w·z + b. Here b is missing.",
    )
    exchanged = Mistake(
        "w and u exchanged",
        "w looks at z, and u is what is added.",
    )
    bell = Mistake(
        "bell for the bump",
        "You added u exp(-a^2/2). The bump has a factor a in front.",
    )
    chapter_slope = Mistake(
        "the chapter's determinant",
        "1 - h(a)^2 is the derivative of tanh. This h has another one.",
    )
    value_for_slope = Mistake(
        "h for its derivative",
        "In the determinant stands h'(a), the derivative, and not h(a).",
    )
    half_slope = Mistake(
        "product rule forgotten",
        "You took exp(-a^2/2) for h'. The derivative of the exponential is missing.",
    )
    other_half = Mistake(
        "half of the product rule",
        "You took -a^2 exp(-a^2/2) for h'. The derivative of the factor a is missing.",
    )
    log_det_sign = Mistake(
        "log-det sign",
        "This is the log-det of the way back. Asked for is that of z -> x.",
    )
    no_log = Mistake(
        "logarithm forgotten",
        "This is the determinant itself.",
    )
    no_product = Mistake(
        "w·u forgotten",
        "You took 1 + h'(a). The lemma has 1 + h'(a) w·u.",
    )
    one_twice = Mistake(
        "1 added twice",
        "log1p adds the 1 of the determinant by itself.",
    )
    own_product = Mistake(
        "w·w for w·u",
        "The rank-one matrix is u h'(a) w^T: the lemma has w·u.",
    )
    summed = Mistake(
        "sum over the batch",
        "One log-determinant for each row is asked for; this is their sum.",
    )


class Allowed(Known):
    """The vector in the place of u, with which the layer is one-to-one."""

    idea = "the allowed v"
    chapter = Mistake(
        "the chapter's condition alone",
        "w·v >= -1 is all that tanh asks for. This h also falls: w·v is bounded from "
        "above too.",
    )
    elu = Mistake(
        "the map of chapter 8",
        "exp(c) - 1 below 0 and c above is for tanh. This layer folds for a large w·v "
        "too: take the m of the text.",
    )
    softplus = Mistake(
        "the map of the paper",
        "log(1 + exp(c)) - 1 is for tanh. This layer folds for a large w·v too: take "
        "the m of the text.",
    )
    no_u = Mistake(
        "u forgotten",
        "This is the correction along w alone. Add it to u.",
    )
    no_lower = Mistake(
        "w·u >= -1 not enforced",
        "The upper end holds. A negative w·u below -1 folds the space too.",
    )
    free = Mistake(
        "nothing enforced",
        "This is u itself. Where w·u is outside the range, the layer folds.",
    )
    both_one = Mistake(
        "the same end on both sides",
        "h' goes from -2 exp(-3/2), where h falls most, to 1. So the two ends differ.",
    )
    of_value = Mistake(
        "largest bump for the steepest slope",
        "exp(-1/2) is the largest h. The condition is about h', the slope, at its "
        "lowest.",
    )
    swapped = Mistake(
        "ends exchanged",
        "The largest slope, 1, forbids w·u < -1. The lowest one forbids a large w·u.",
    )
    lowest = Mistake(
        "end not inverted",
        "1 + c h' > 0 with the lowest h' gives c < 1/|h'|, and not c < |h'|.",
    )
    norm = Mistake(
        "norm for its square",
        "You divided by |w|. With w / |w|^2 the product w·v comes out as wanted.",
    )
    undivided = Mistake(
        "not divided by the square of w",
        "w·v is m(c) only if the correction is divided by |w|^2.",
    )
    scaled = Mistake(
        "u scaled, not moved along w",
        "w·v is right, but u was multiplied. Leave it as it is at a right angle to w.",
    )
    along_u = Mistake(
        "moved along u",
        "The correction goes along w: v and u differ by a multiple of w.",
    )
    clamped = Mistake(
        "clamped",
        "Clamping has no slope outside, and at the ends a stretch is 0. Take the m of "
        "the text.",
    )


# --- Exercise 6.3: a student's sequence -----------------------------------------------


class Imitate(Known):
    """What a student makes of z, in one pass."""

    idea = "the student's x"
    autoregressive = Mistake(
        "autoregressive student",
        "The student was asked with x in the place of z, entry by entry. Its numbers "
        "depend on z.",
    )
    turned = Mistake(
        "the map of the other direction",
        "(z - t) exp(-s) is the way back. The student maps z to x = t + z exp(s).",
    )
    shrunk = Mistake(
        "exp(-s) for exp(s)",
        "z was divided by exp(s); it is multiplied.",
    )
    no_exp = Mistake(
        "log-scale for the scale",
        "The student returns the logarithm of the scale: take its exponential.",
    )
    exchanged = Mistake(
        "shift and log-scale exchanged",
        "[..., 0] is the shift and [..., 1] the log-scale.",
    )
    repeated = Mistake(
        "one call for each entry",
        "One call gives the numbers of all entries: they need z only, and z is there.",
    )
    log_det_sign = Mistake(
        "log-det sign",
        "This is the log-det of x -> z. For x = f(z) it is the sum of the log-scales.",
    )
    averaged = Mistake(
        "mean over the entries",
        "Log-scales add up: the determinant is the product of the scales.",
    )
    summed = Mistake(
        "sum over the batch",
        "One log-determinant for each row is asked for; this is their sum.",
    )


class Distil(Known):
    """The distillation loss of a row."""

    idea = "the distillation loss of each row"
    no_entropy = Mistake(
        "entropy dropped",
        "This is the cross-entropy alone. The student's entropy, s and a constant for "
        "each entry, is missing.",
    )
    direction = Mistake(
        "KL direction",
        "This is KL(teacher || student) of the conditionals. The student stands first.",
    )
    log_det_sign = Mistake(
        "log-det sign",
        "s counts minus: a wide student has much entropy, and the loss subtracts it.",
    )
    variance = Mistake(
        "log-scales for log-variances",
        "Scales are squared in the formula: the variance is exp(2 s), not exp(s).",
    )
    half = Mistake(
        "one half forgotten",
        "The square and the variance are divided by twice the teacher's variance.",
    )
    no_one = Mistake(
        "-1/2 forgotten",
        "Two equal conditionals diverge by 0; here they do by 1/2.",
    )
    no_distance = Mistake(
        "distance of the means forgotten",
        "The scales are compared, and the means are not.",
    )
    one_draw = Mistake(
        "one draw for the closed form",
        "This is log q(x) - log p(x) at the draw: right on average, and noisy. Take "
        "the formula.",
    )
    at_z = Mistake(
        "teacher asked at z",
        "The teacher knows x, not z: give it what the student has made.",
    )
    at_shift = Mistake(
        "teacher asked at the means",
        "The teacher was given the shifts. It conditions on the sample, noise "
        "included.",
    )
    autoregressive = Mistake(
        "autoregressive student",
        "The student was asked with x, entry by entry. Its numbers depend on z, in one"
        " call.",
    )
    averaged = Mistake(
        "mean over the entries",
        "Divergences of the entries add up. This is their mean.",
    )
    summed = Mistake(
        "sum over the batch",
        "One number for each row is asked for; this is their sum.",
    )


class DistilGradient(Known):
    """What autograd gives for the numbers of the student."""

    idea = "the gradient of the loss in the student's numbers"
    cut_teacher = Mistake(
        "detached samples",
        "The teacher's answer changes with x, and x with the student. Freeze its "
        "numbers, but not this way.",
    )
    sample_only = Mistake(
        "gradient through the sample only",
        "The gradient comes through the teacher alone. Shift and log-scale stand in "
        "the formula too.",
    )
    no_gradient = Mistake(
        "no gradient",
        "The loss knows nothing of the student: no_grad or detach cut it off.",
    )
    no_entropy = Distil.no_entropy
    direction = Distil.direction
    log_det_sign = Distil.log_det_sign
    variance = Distil.variance
    half = Distil.half
    no_distance = Distil.no_distance
    one_draw = Distil.one_draw
    at_z = Distil.at_z
    at_shift = Distil.at_shift
    autoregressive = Distil.autoregressive
    averaged = Distil.averaged


# --- Exercise 6.4: train the student --------------------------------------------------


class Train(Known):
    """What a training reaches. The mistakes are known by what they lead to."""

    idea = "KL(student || teacher) in nats"
    another = Mistake(
        "another network for the student",
        "Return a pair: first the Conditioner(dim) that you trained, then the Teacher.",
    )
    not_frozen = Mistake(
        "teacher not frozen",
        "The teacher's numbers have moved to meet the student. Only the student's go "
        "to the optimiser.",
    )
    nothing = Mistake(
        "nothing learned",
        "The student still gives the same numbers for every z: no step has reached its"
        " parameters.",
    )
    collapsed = Mistake(
        "entropy dropped",
        "The student's scales are far below the teacher's: in the loss, -log of the "
        "scale is missing or has the wrong sign.",
    )
    autoregressive = Mistake(
        "autoregressive student",
        "Read with x in the place of z, these numbers are right. The student must read"
        " z.",
    )
    little = Mistake(
        "trained too little",
        "It learns, but not enough: look at the rate, the loss, and zero_grad.",
    )


# --- Exercise 6.5: an estimate of -log Z ----------------------------------------------


class LogZ(Known):
    """The estimate of -log Z at some temperatures."""

    idea = "the estimates of -log Z"
    bound = Mistake(
        "mean of the logarithms",
        "This is the mean of E/T + log q, the bound. Take the mean of the weights, "
        "then the logarithm.",
    )
    no_n = Mistake(
        "sum for the mean",
        "log n is missing: Z is the mean of the weights, and not their sum.",
    )
    sign = Mistake(
        "log Z for -log Z",
        "This is log Z. Asked for is its negative.",
    )
    no_log = Mistake(
        "logarithm forgotten",
        "This is minus the mean weight, -Z. Take the logarithm first.",
    )
    added = Mistake(
        "sign of log q",
        "The weight is exp(-E/T) over q. Here it is multiplied by q.",
    )
    no_q = Mistake(
        "log q forgotten",
        "The samples come from q: each must be divided by how often q draws it.",
    )
    times = Mistake(
        "energy times the temperature",
        "The energy is divided by T.",
    )
    ignored = Mistake(
        "temperature ignored",
        "All estimates are those at T = 1.",
    )
    whole = Mistake(
        "log q over the temperature too",
        "T divides the energy. q is the flow's density, as it is.",
    )
    scaled = Mistake(
        "-T log Z for -log Z",
        "You multiplied by T, as for a free energy. Asked for is -log Z.",
    )
    no_logsumexp = Mistake(
        "no logsumexp",
        "exp(-3000) is 0 and exp(3000) infinite: never leave the logarithms.",
    )
    one_largest = Mistake(
        "one largest weight for all temperatures",
        "Next to the largest of all weights those of another temperature are 0: each "
        "row needs its own.",
    )


class LogZError(Known):
    """The standard error of the estimate."""

    idea = "the standard errors of the estimates"
    no_root = Mistake(
        "root of n forgotten",
        "This is the spread of single weights. A mean of n has 1/sqrt(n) of it.",
    )
    over_n = Mistake(
        "n for its root",
        "You divided by n. The error of a mean falls as 1/sqrt(n).",
    )
    of_logs = Mistake(
        "spread of the logarithms",
        "This is the standard error of the mean of log w, and not of the log of the "
        "mean.",
    )
    absolute = Mistake(
        "error of Z itself",
        "This is the error of Z. That of its logarithm is relative: divide by Z.",
    )
    biased = Mistake(
        "n for n - 1",
        "Divide the sum of squares by n - 1: the mean was estimated too.",
    )
    uncentred = Mistake(
        "mean not subtracted",
        "This is 1/sqrt(effective sample size). Weights that are all equal have no "
        "spread: subtract their mean.",
    )
    variance = Mistake(
        "variance for the standard deviation",
        "This is the variance of the estimate. The error is its root.",
    )
    added = LogZ.added
    no_q = LogZ.no_q
    times = LogZ.times
    ignored = LogZ.ignored
    whole = LogZ.whole
    no_logsumexp = LogZ.no_logsumexp
    one_largest = LogZ.one_largest
