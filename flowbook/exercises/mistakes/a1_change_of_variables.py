"""The known mistakes of assignment 1, change of variables, with their hints."""

from flowbook.exercises.known import Known, Mistake


class Softplus(Known):
    """The log-density of a mapped variable."""

    idea = "the log-density of a mapped variable"
    log_det_sign = Mistake(
        "log-det sign",
        "This uses log|dx/dz|, or subtracts log|dz/dx|. Where the map stretches, the "
        "density must fall.",
    )
    forgotten = Mistake(
        "log-det forgotten",
        "This is p_Z(z) alone. Step 2, the stretch, is missing: the mass is no longer"
        " 1.",
    )
    at_x = Mistake(
        "p_z evaluated at x",
        "The base density knows only base variables. First find the z that was sent "
        "to x.",
    )
    slope_at_x = Mistake(
        "derivative evaluated at x",
        "dx/dz must be taken at the z that was sent to x, not at x itself.",
    )
    no_log = Mistake(
        "logarithm forgotten",
        "This is the density. Asked for is its logarithm: small numbers stay readable.",
    )
    no_constant = Mistake(
        "the normal's constant forgotten",
        "Everything is right but for the constant of the normal density, log(2 pi) / "
        "2.",
    )
    slope_of_other = Mistake(
        "sigmoid turned over",
        "The slope at z is 1 / (1 + exp(-z)), which is 1 - exp(-x). This is one minus"
        " it.",
    )
    no_log_back = Mistake(
        "no logarithm on the way back",
        "exp(x) = 1 + exp(z), so exp(x) - 1 is exp(z). Its logarithm is z.",
    )
    mixed_up = Mistake(
        "log of exp(x), minus one",
        "log(exp(x)) - 1 is x - 1. First subtract 1 from exp(x), then take the "
        "logarithm.",
    )


class SoftplusSupport(Known):
    """Where the density is not zero (True), and where it is zero (False)."""

    idea = "where the density is not zero (True), and where it is zero (False)"
    support = Mistake(
        "support lost",
        "No z is sent to x <= 0: the log-density there is -inf. Choose with "
        "torch.where.",
    )
    closed = Mistake(
        "x >= 0",
        "At x = 0 itself there is no z either: exp(0) = 1 + exp(z) has no solution.",
    )


class Speed(Known):
    """The density of a variable under a falling map."""

    idea = "the density of a variable under a falling map"
    missing_abs = Mistake(
        "missing absolute value",
        "A density below zero? The map falls, and the length of a small interval is "
        "|dz/dx| dx.",
    )
    forward_slope = Mistake(
        "forward derivative for inverse",
        "You multiplied by |dx/dz|. The rule needs |dz/dx|, which is one over that.",
    )
    forgotten = Mistake(
        "log-det forgotten",
        "This is p_Z(z) alone: the stretch |dz/dx| is missing.",
    )
    at_x = Mistake(
        "p_z evaluated at x",
        "p_Z is the density of hours, and x is a speed. First find the z that was "
        "sent to x.",
    )
    logarithm = Mistake(
        "logarithm taken",
        "This is the log-density. Here the density itself is asked for.",
    )
    mean = Mistake(
        "rate taken for the mean",
        "This is the density for the mean time r. The rate is one over the mean: r "
        "exp(-r z).",
    )
    no_rate = Mistake(
        "rate forgotten",
        "The density of z is r exp(-r z). The factor r in front is missing.",
    )
    no_square = Mistake(
        "square of x forgotten",
        "The derivative of d / x is d / x^2 in size, not d / x.",
    )
    no_distance = Mistake(
        "distance forgotten",
        "The derivative of d / x has the factor d.",
    )
    exponent_sign = Mistake(
        "minus in the exponent forgotten",
        "p_Z falls: r exp(-r z), with a minus. Here it grows with z.",
    )


class SpeedSupport(Known):
    """Where the density is not zero (True), and where it is zero (False)."""

    idea = "where the density is not zero (True), and where it is zero (False)"
    support = Mistake(
        "support lost",
        "A negative speed needs a negative time, where p_Z is zero. Choose 0 with "
        "torch.where.",
    )
    closed = Mistake(
        "x >= 0",
        "At x = 0 itself the density is 0, too: no ride takes for ever.",
    )


class Sampler(Known):
    """The distribution of the samples."""

    idea = "the distribution of the samples"
    backwards = Mistake(
        "map applied backwards",
        "F turns x into uniform samples. You have uniform samples and want x.",
    )
    swapped = Mistake(
        "exponents swapped",
        "Undo the steps of F in the opposite order: first the power b, then the power"
        " a.",
    )
    reciprocal = Mistake(
        "power for root",
        "A power a is undone by the power 1/a.",
    )


class Nll(Known):
    """The mean negative log-likelihood."""

    idea = "the mean negative log-likelihood"
    log_det_sign = Mistake(
        "log-det sign",
        "log p(x) is log p_Z(z) + log|dz/dx|. The minus of the likelihood stands "
        "before both terms.",
    )
    forgotten = Mistake(
        "log-det forgotten",
        "This is the negative log-likelihood of z, not of x: log|dz/dx| is missing.",
    )
    minus = Mistake(
        "minus sign forgotten",
        "This is the log-likelihood. Training minimises, so the negative one is asked"
        " for.",
    )
    summed = Mistake(
        "sum instead of mean",
        "Divide by the number of data, or the steps of the training grow with it.",
    )
    no_mean = Mistake(
        "no mean over the batch",
        "One number is asked for, the mean over the data; this is one number for each"
        " x.",
    )
    not_exp = Mistake(
        "log_scale used as the scale",
        "The parameter is log s. The scale is s = exp(log_scale).",
    )
    no_z = Mistake(
        "slope without z",
        "The slope |dz/dx| is z / s: it has a z in it.",
    )
    no_scale = Mistake(
        "slope without s",
        "The slope |dz/dx| is z / s: it has an s in it.",
    )
    grows = Mistake(
        "z grows with x",
        "The map falls: z is exp(-(x - m) / s), with the minus.",
    )
    normal = Mistake(
        "normal base",
        "Here z is exponential: log p_Z(z) = -z, for z > 0.",
    )


class NllGradient(Known):
    """A gradient for the location and for the scale."""

    idea = "a gradient for the location and for the scale"
    detached = Mistake(
        "detached parameter",
        "[0] is the location, [1] the scale. math.exp, float(), .item() and .detach()"
        " cut the way back.",
    )


class Loudness(Known):
    """The log-density under a map that is not one-to-one."""

    idea = "the log-density under a map that is not one-to-one"
    one_branch = Mistake(
        "non-injective map",
        "This counts only one of the values of z that are sent to x. The mass of the "
        "other is lost.",
    )
    doubled = Mistake(
        "one branch counted twice",
        "The density is not the same at the two values of z, so it cannot be doubled.",
    )
    logs_added = Mistake(
        "logarithms added",
        "The masses add up, not their logarithms: adding those multiplies the masses.",
    )
    log_det_sign = Mistake(
        "log-det sign",
        "This uses log|dx/dz|, or subtracts log|dz/dx|. With z = exp(x), how long is "
        "dz?",
    )
    no_stretch = Mistake(
        "log-det forgotten",
        "Both masses are there, but not their stretch: near each z, how long is dz?",
    )
    no_log = Mistake(
        "logarithm forgotten",
        "This is the density. Asked for is its logarithm.",
    )
    no_scale = Mistake(
        "scale forgotten",
        "The base has the scale s: hand it on to its density.",
    )


class PoolMap(Known):
    """Where the rays land."""

    idea = "where the rays land"
    gradient_sign = Mistake(
        "sign of the gradient",
        "What is the derivative of the cosine? Under a crest the rays must come "
        "together.",
    )
    no_depth = Mistake(
        "depth forgotten",
        "These are the landing places for depth 1. In deeper water rays land further "
        "away.",
    )
    slope_scaled = Mistake(
        "wave vector forgotten",
        "The gradient of cos(w^T z) points along w: each sine is multiplied by its w.",
    )
    cosine = Mistake(
        "cosine for sine",
        "The derivative of a cosine is minus a sine. Here it is a cosine still.",
    )


class PoolLogDet(Known):
    """The log-determinant of a map of the plane."""

    idea = "the log-determinant of a map of the plane"
    log_det_sign = Mistake(
        "log-det sign",
        "This is the log-determinant of the way back, dz/dx. Asked for is that of "
        "dx/dz.",
    )
    diagonal = Mistake(
        "off-diagonal terms forgotten",
        "This is J11 J22. Where a wave runs at an angle to the axes, J12 is not zero.",
    )
    summed = Mistake(
        "sum over the batch",
        "One log-determinant for each row of z is asked for; this is their sum.",
    )
    gradient_sign = PoolMap.gradient_sign
    no_log = Mistake(
        "logarithm forgotten",
        "This is |det|, how much an area grows. Asked for is its logarithm.",
    )
    identity = Mistake(
        "identity forgotten",
        "The first term of x is z itself: it adds 1 to J11 and to J22.",
    )
    no_depth = Mistake(
        "depth forgotten in the Jacobian",
        "The second derivatives of h are multiplied by d, as the gradient is.",
    )
    wrong_slope = Mistake(
        "sine for cosine",
        "The Jacobian has the second derivatives of h. Those of a cosine are cosines "
        "again.",
    )


class PoolFold(Known):
    """The log-determinant where the map turns areas over."""

    idea = "the log-determinant where the map turns areas over"
    missing_abs = Mistake(
        "missing absolute value",
        "NaN is the logarithm of a negative determinant: the light lies upside down. "
        "Take |det|.",
    )
    log_det_sign = PoolLogDet.log_det_sign
    diagonal = PoolLogDet.diagonal
    summed = PoolLogDet.summed
    gradient_sign = PoolMap.gradient_sign
    no_log = PoolLogDet.no_log
    identity = PoolLogDet.identity
    no_depth = PoolLogDet.no_depth
    wrong_slope = PoolLogDet.wrong_slope
