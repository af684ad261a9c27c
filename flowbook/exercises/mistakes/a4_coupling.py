"""The known mistakes of assignment 4, coupling flows, with their hints."""

from flowbook.exercises.known import Known, Mistake

PEEKING = Mistake(
    "transforms the half it reads",
    "The conditioner reads what the layer moves, and on the way back that is gone. "
    "Show it the copied features only.",
)
EXCHANGED = Mistake(
    "copied and moved exchanged",
    "The mask is 1 where a feature is copied, 0 where it is moved; here it is the "
    "other way round.",
)
UNBOUNDED = Mistake(
    "unbounded exp",
    "Your scale is exp(r), which has no bound and overflows early in the training. "
    "Take the rational s.",
)
PARAMETERS = Mistake(
    "scale and shift exchanged",
    "The first half of what the conditioner returns is r, the second half is t.",
)
NO_ABS = Mistake(
    "|r| forgotten",
    "Below the line in u stands 1 + |r|. With r itself u leaves its bounds where r is "
    "negative.",
)
NO_FACTOR = Mistake(
    "0.9 forgotten",
    "Without the factor 0.9 u comes near 1, and s has no bound any more.",
)
TANH = Mistake(
    "tanh for u",
    "This is right for u = 0.9 tanh(r). Here u is the fraction of the exercise, which "
    "grows more slowly.",
)
PRECEDENCE = Mistake(
    "1 + u / (1 - u)",
    "A division comes before a sum: this is 1 + (u / (1 - u)). Put 1 + u in brackets.",
)
INTERLEAVED = Mistake(
    "numbers taken alternately",
    "First stand the r of all features, then the t of all features: cut in the middle.",
)
UPSIDE_DOWN = Mistake(
    "s upside down",
    "This divides by s. On the way forward a moved feature is multiplied by it.",
)


class Mirror(Known):
    """Where the mirroring layer sends its input."""

    idea = "where a mirroring layer sends its input"
    peeking, exchanged = PEEKING, EXCHANGED
    moves_all = Mistake(
        "copied features moved",
        "Every feature is mirrored, the copied ones too. Where the mask is 1, x is z.",
    )
    lost = Mistake(
        "copied features lost",
        "The copied features are 0 now. Where the mask is 1, x is z: add mask * z.",
    )
    shifted = Mistake(
        "shifted, not mirrored",
        "This is z + t, the layer of chapter 6. Here a moved feature goes to t - z.",
    )
    turned = Mistake(
        "mirrored the wrong way round",
        "This is z - t. A moved feature goes to t - z: at z = 0 it is t.",
    )


class MirrorLogDet(Known):
    """The log-determinant of the mirroring layer."""

    idea = "the log-determinant of a mirroring layer"
    negative = Mistake(
        "missing absolute value",
        "NaN is the logarithm of a negative determinant. A mirror keeps every volume: "
        "take the logarithm of |det|.",
    )
    no_sum = Mistake(
        "no sum over features",
        "One number a row is asked for: shape (batch,), not (batch, dim).",
    )
    summed = Mistake(
        "sum over the batch",
        "One number a row is asked for; a single one for all of them is not enough.",
    )
    ones = Mistake(
        "logarithm forgotten",
        "|det| is 1. Asked for is its logarithm.",
    )
    counted = Mistake(
        "signs of the mirrors added up",
        "This adds the entries -1 of the diagonal. The determinant is their product, "
        "and |-1| has the logarithm 0.",
    )


class Rational(Known):
    """Where the rational layer sends its input."""

    idea = "where the affine layer sends its input"
    peeking, exchanged, unbounded, parameters = (
        PEEKING,
        EXCHANGED,
        UNBOUNDED,
        PARAMETERS,
    )
    no_abs, no_factor, tanh = NO_ABS, NO_FACTOR, TANH
    moves_all = Mistake(
        "copied features moved",
        "Every feature is moved, the copied ones too. Where the mask is 1, x is z.",
    )
    lost = Mirror.lost
    scaled_first = Mistake(
        "scaled before shifted",
        "This is s z + t, as in chapter 6. Here the shift comes first: s (z + t).",
    )
    turned = UPSIDE_DOWN
    precedence, interleaved = PRECEDENCE, INTERLEAVED


class RationalLogDet(Known):
    """The log-determinants of the rational layer, in both directions."""

    idea = "the log-determinant of the affine layer"
    peeking, exchanged, parameters = PEEKING, EXCHANGED, PARAMETERS
    no_abs, no_factor, tanh = NO_ABS, NO_FACTOR, TANH
    sign = Mistake(
        "log-det sign",
        "This is the log-determinant of the opposite direction. The forward map "
        "multiplies by s, the inverse divides by it.",
    )
    no_sum = Mistake(
        "no sum over features",
        "Shape (batch,) is asked for. The slopes of the moved features are multiplied, "
        "so their logarithms are added.",
    )
    summed = Mistake(
        "sum over the batch",
        "One number a row is asked for; this is the sum over all rows.",
    )
    mean = Mistake(
        "mean over the features",
        "The logarithm of a product is the sum of the logarithms, not their mean.",
    )
    all_counted = Mistake(
        "copied features counted",
        "A copied feature has the slope 1 and adds nothing. Leave its log s out of the "
        "sum.",
    )
    copied_only = Mistake(
        "log-det over the copied features",
        "This adds up log s of the copied features. It is the moved ones that are "
        "stretched.",
    )
    no_log = Mistake(
        "logarithm forgotten",
        "This adds up the scales. Asked for is the sum of their logarithms.",
    )
    unbounded = Mistake(
        "unbounded exp",
        "This adds up r itself, and log s = r is true for s = exp(r) only. Take the "
        "logarithm of the rational s.",
    )
    precedence, interleaved = PRECEDENCE, INTERLEAVED


class RationalInverse(Known):
    """The way back through the rational layer."""

    idea = "the inverse of the affine layer"
    peeking, exchanged, unbounded, parameters = (
        PEEKING,
        EXCHANGED,
        UNBOUNDED,
        PARAMETERS,
    )
    no_abs, no_factor, tanh = NO_ABS, NO_FACTOR, TANH
    moves_all = Mistake(
        "copied features moved",
        "Every feature is moved, the copied ones too. Where the mask is 1, z is x.",
    )
    lost = Mistake(
        "copied features lost",
        "The copied features are 0 now. Where the mask is 1, z is x: add mask * x.",
    )
    wrong_order = Mistake(
        "undone in the wrong order",
        "This undoes the shift first. The forward map scales last, so the scale must "
        "be undone first.",
    )
    added = Mistake(
        "shift not undone",
        "This is x / s + t: the shift is added a second time. Solve x = s (z + t) for "
        "z.",
    )
    again = Mistake(
        "forward map used again",
        "This is s (x + t), the forward map. Solve x = s (z + t) for z.",
    )
    precedence, interleaved = PRECEDENCE, INTERLEAVED


class RationalBound(Known):
    """The rational layer when r is large."""

    idea = "a layer whose conditioner returns large numbers"
    exchanged, parameters, turned = EXCHANGED, PARAMETERS, UPSIDE_DOWN
    no_abs, no_factor, tanh = NO_ABS, NO_FACTOR, TANH
    unbounded = Mistake(
        "unbounded exp",
        "exp(r) is infinite, or zero, for such an r. The rational scale stays between "
        "1/19 and 19, however large r gets.",
    )
    precedence, interleaved = PRECEDENCE, INTERLEAVED


class Mask(Known):
    """The masks of successive layers."""

    idea = "the masks of successive layers"
    never = Mistake(
        "mask never alternates",
        "All layers have the same mask. What the first one copies is then copied by "
        "all, and keeps its density for ever. Use k.",
    )
    exchanged = Mistake(
        "copied and moved exchanged",
        "A mask is 1 where a feature is copied. Here the part whose turn it is has the "
        "ones.",
    )
    stops = Mistake(
        "mask stops turning",
        "After the last part it is the first one's turn again: layer `parts` has the "
        "mask of layer 0.",
    )
    blocks = Mistake(
        "parts in blocks",
        "The parts are cut from the vector like slices here. They are interleaved: "
        "with three parts, layer 0 moves 0, 3, 6, ...",
    )
    one_late = Mistake(
        "counted from 1",
        "This is the mask of the layer before or after. Layers and features are "
        "counted from 0: layer 0 moves feature 0.",
    )


class LogProb(Known):
    """The log-density of a stack of layers."""

    idea = "the log-density of a stack of layers"
    no_prior = Mistake(
        "prior term forgotten",
        "This is the sum of the log-determinants alone. The log-density of the base at "
        "z is missing.",
    )
    sign = Mistake(
        "log-det sign",
        "Add the log-determinants of the inverse maps to log p(z). Here they are "
        "subtracted, or those of the forward maps added.",
    )
    order = Mistake(
        "inverse order not reversed",
        "This applies the layer next to the base first. From the data to the base you "
        "meet layers[0] first.",
    )
    forward_used = Mistake(
        "forward map used",
        "From the data to the base leads each layer's inverse, the second of the pair.",
    )
    no_sum = Mistake(
        "no sum over features",
        "hills_log_prob gives one number a coordinate. They are independent, so their "
        "log-densities add up.",
    )
    mean = Mistake(
        "mean over the coordinates",
        "The log-density of a point is the sum over its coordinates, which are "
        "independent, not the mean.",
    )
    summed = Mistake(
        "sum over the batch",
        "One log-density a row is asked for; this is a single number.",
    )
    last = Mistake(
        "one log-det only",
        "Only the log-determinant of the last layer is left. Those of all layers add "
        "up: keep a running sum.",
    )
    skipped = Mistake(
        "last layer skipped",
        "One layer is left out. The walk goes through all of them, layers[-1] too.",
    )
    at_x = Mistake(
        "p_z evaluated at x",
        "The base density must be taken at z, the end of the way back, not at x.",
    )
    no_det = Mistake(
        "log-det forgotten",
        "This is log p(z) alone. The log-determinants of the layers are missing.",
    )
    wrong_point = Mistake(
        "log-det at the wrong point",
        "These are forward log-determinants with the sign turned, taken at a layer's "
        "output. The inverse returns the right one.",
    )
    normal = Mistake(
        "normal base",
        "The base here is not normal: hills_log_prob knows it.",
    )


class Forward(Known):
    """The way through the stack to the data."""

    idea = "the way from the base to the data"
    order = Mistake(
        "inverse order not reversed",
        "This is the order of the way back. From the base to the data you meet the "
        "last layer of the list first.",
    )
    inverse_used = Mistake(
        "inverse map used",
        "From the base to the data leads each layer's forward, the first of the pair.",
    )
    both = Mistake(
        "the way back",
        "This is the way from the data to the base: from layers[0] on, and with the "
        "inverses.",
    )
    skipped = Mistake(
        "last layer skipped",
        "One layer is left out. The walk goes through all of them, layers[0] too.",
    )


class Train(Known):
    """What a training reaches. The mistakes are known by what they lead to."""

    idea = "the gap of the trained flow, in nats, which must be below the limit"
    worse = Mistake(
        "likelihood minimised",
        "It knows the data less well than the four hills that it started from. Go down "
        "the gradient of MINUS the mean log p(x).",
    )
    memorised = Mistake(
        "the same rows in every step",
        "Some points have a very high density and fresh ones a very low one. Draw new "
        "rows, from all of the data, in every step.",
    )
    too_little = Mistake(
        "learned too little",
        "Does each step use a fresh gradient (zero_grad, backward, step), is the rate "
        "that of the recipe, are all steps taken?",
    )
