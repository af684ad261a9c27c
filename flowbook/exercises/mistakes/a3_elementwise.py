"""The known mistakes of assignment 3, elementwise flows, with their hints."""

from flowbook.exercises.known import Known, Mistake


class Bend(Known):
    """Where the points land."""

    idea = "where z lands"
    negative_branch = Mistake(
        "left branch forgotten",
        "Left of the corner the slope is l, not r. Each piece has a slope of its own.",
    )
    exchanged = Mistake(
        "slopes exchanged",
        "Left of the corner is z < c. There the slope l holds, and r everywhere else.",
    )
    at_zero = Mistake(
        "bend at 0",
        "This is a bend at 0, as in chapter 5. Here it is at c: how far is z from c?",
    )
    side_of_zero = Mistake(
        "sign of z for the side of the corner",
        "Which piece counts depends on z < c, not on z < 0.",
    )
    not_put_back = Mistake(
        "corner not put back",
        "The slope multiplies z - c, and the corner itself stays at c: add it again.",
    )
    not_subtracted = Mistake(
        "slope times z",
        "The slope multiplies z - c, how far z is from the corner, not z itself.",
    )
    reciprocal = Mistake(
        "slopes upside down",
        "The map multiplies by its slopes. Dividing by them is the inverse.",
    )
    absolute = Mistake(
        "absolute values of the slopes",
        "A negative slope turns the line round. Only log_det takes its absolute value.",
    )


class BendInverse(Known):
    """Where the way back ends."""

    idea = "where the way back from x ends"
    negative_branch = Bend.negative_branch
    side_of_x = Mistake(
        "side of x for the side of z",
        "If the map falls, a z left of the corner lands on its right. Where was z?",
    )
    exchanged = Bend.exchanged
    forward_slope = Mistake(
        "slope of the way there",
        "The way back divides by the slope. This multiplies by it once more.",
    )
    at_zero = Bend.at_zero
    side_of_zero = Mistake(
        "sign of x for the side of the corner",
        "Which piece x came from depends on where x lies to the corner, not to 0.",
    )
    not_put_back = Bend.not_put_back
    absolute = Bend.absolute


class BendLogDet(Known):
    """The log-determinant, one number a row."""

    idea = "log|det|, one number a row"
    missing_abs = Mistake(
        "missing absolute value",
        "NaN is the logarithm of a negative slope. A falling piece has |slope|, too.",
    )
    sign = Mistake(
        "log-det sign",
        "The slopes of the inverse are one over those of the map: log 1/s = -log s.",
    )
    no_sum = Mistake(
        "no sum over features",
        "One number a row is asked for: add the log-slopes of its features.",
    )
    summed = Mistake(
        "sum over the batch",
        "This adds the log-determinants of all rows. Each row has one of its own.",
    )
    averaged = Mistake(
        "mean over the features",
        "The determinant is a product over the features, so its logarithm is a sum.",
    )
    no_log = Mistake(
        "logarithm forgotten",
        "This is |det|, a product of slopes. Asked for is its logarithm.",
    )
    negative_branch = Bend.negative_branch
    exchanged = Bend.exchanged
    at_zero = Bend.at_zero
    side_of_x = BendInverse.side_of_x
    only_left = Mistake(
        "right branch forgotten",
        "The pieces on the right have a slope as well. It is 1 only in a leaky ReLU.",
    )


class Steps(Known):
    """Where the points land."""

    idea = "where z lands"
    end = Mistake(
        "the end of the interval",
        "At z = B the bin's number is floor(K) = K, but the last bin is K - 1.",
    )
    one_too_many = Mistake(
        "one bin too many below",
        "Bin b = 0, 1, ... has b bins below. Where z has the share t of the interval "
        "below it, bin b adds u = K t - b times its rise, and u is in [0, 1].",
    )
    one_too_few = Mistake(
        "position in a bin counted from one",
        "Where z has the share t of the interval below it, u = K t - b must lie in "
        "[0, 1]: for b = 0, 1, ... it does. Here it is below 0.",
    )
    not_normalised = Mistake(
        "weights not normalised",
        "The weights of a feature do not sum to 1. Its rises do: divide by the sum.",
    )
    softmax = Mistake(
        "softmax of the weights",
        "The weights are positive already; the rises are in proportion to them.",
    )
    all_features = Mistake(
        "sum over all features",
        "Each row of weights belongs to one feature, and its rises sum to 1.",
    )
    wrong_axis = Mistake(
        "normalised over the wrong axis",
        "A row has the weights of one feature, on all bins: they are what sums to 1.",
    )
    first_feature = Mistake(
        "weights of one feature for all",
        "Feature i has the weights in row i. Here all features have those of row 0.",
    )
    equal_steps = Mistake(
        "equal steps on both axes",
        "The knots of x are sums of the rises; here they are b / K, those of z.",
    )
    own_rise = Mistake(
        "rises not summed",
        "Bin b starts where all bins before it have ended: add up all their rises.",
    )
    not_from_0_to_1 = Mistake(
        "position in the bin not from 0 to 1",
        "Divide z's distance from the start of its bin by the width of the bin, "
        "2B / K: then the whole bin adds its whole rise.",
    )
    whole_row = Mistake(
        "whole row outside",
        "Each entry is inside or outside for itself, whatever the others of its row.",
    )
    not_back = Mistake(
        "not brought back to [-B, B]",
        "This x lies in [0, 1]. Stretch it by 2B, and shift it.",
    )
    clamped = Mistake(
        "kept at the ends",
        "Outside of [-B, B] the map is the identity: x = z, not -B or B.",
    )
    continued = Mistake(
        "lines continued outside",
        "Outside of [-B, B] the map is the identity: the outer bins' lines end there.",
    )
    zero_outside = Mistake(
        "zero outside",
        "Outside of [-B, B] the map is the identity: x = z, not 0.",
    )
    half_length = Mistake(
        "B for 2B",
        "The interval from -B to B has the length 2B: a bin has the width 2B / K.",
    )
    not_shifted = Mistake(
        "interval from 0",
        "The first bin starts at -B, not at 0: count from there.",
    )
    one_bin_less = Mistake(
        "K - 1 bins",
        "K weights belong to K bins. K - 1 is the number of the last one.",
    )
    rounded = Mistake(
        "rounded to the nearest bin",
        "z is in bin b if K (z + B) / 2B lies between b and b + 1: round down.",
    )


class StepsInverse(Known):
    """Where the way back ends."""

    idea = "where the way back from x ends"
    equal_bins = Mistake(
        "bin of x by equal widths",
        "Equal widths have the bins of z. Those of x end at the sums of the rises.",
    )
    end = Mistake(
        "the end of the interval",
        "x = B is the last of all knots. It belongs to bin K - 1: there is no bin K.",
    )
    multiplied = Mistake(
        "slope of the way there",
        "The position in the bin is (x - its knot) divided by its rise, not times it.",
    )
    not_divided = Mistake(
        "not divided by K",
        "b plus the position in the bin goes from 0 to K: divide by K.",
    )
    one_too_many = Mistake(
        "knot of the wrong bin",
        "The position counts from the knot where the bin starts, not where it ends.",
    )
    not_normalised = Steps.not_normalised
    softmax = Steps.softmax
    all_features = Steps.all_features
    wrong_axis = Steps.wrong_axis
    first_feature = Steps.first_feature
    one_bin_less = Steps.one_bin_less
    own_rise = Steps.own_rise
    not_back = Mistake(
        "not brought back to [-B, B]",
        "This z lies in [0, 1]. Stretch it by 2B, and shift it.",
    )
    clamped = Mistake(
        "kept at the ends",
        "Outside of [-B, B] the map is the identity: z = x, not -B or B.",
    )
    continued = Steps.continued
    whole_row = Steps.whole_row
    zero_outside = Mistake(
        "zero outside",
        "Outside of [-B, B] the map is the identity: z = x, not 0.",
    )


class StepsLogDet(Known):
    """The log-determinant, one number a row."""

    idea = "log|det|, one number a row"
    no_bins = Mistake(
        "log K forgotten",
        "A bin has the width 2B / K. Its slope is K times its rise (in shares of 2B).",
    )
    length = Mistake(
        "length of the interval counted",
        "2B stretches x and z alike, and leaves the slope as it was on [0, 1].",
    )
    sign = BendLogDet.sign
    no_sum = BendLogDet.no_sum
    summed = BendLogDet.summed
    averaged = BendLogDet.averaged
    no_log = BendLogDet.no_log
    outside = Mistake(
        "slope counted outside",
        "Outside of [-B, B] the map is the identity, and its log-slope is 0.",
    )
    ends_outside = Mistake(
        "ends counted as outside",
        "-B and B belong to the interval: there the slopes of the outer bins count.",
    )
    end = Steps.end
    end_of_inverse = StepsInverse.end
    not_normalised = Steps.not_normalised
    softmax = Steps.softmax
    all_features = Steps.all_features
    wrong_axis = Steps.wrong_axis
    first_feature = Steps.first_feature
    equal_bins = StepsInverse.equal_bins
    own_rise = Steps.own_rise
    rounded = Steps.rounded
    whole_row = Steps.whole_row
    half_length = Steps.half_length
    not_shifted = Steps.not_shifted
    one_bin_less = Steps.one_bin_less


class Rises(Known):
    """The most likely symmetric rises."""

    idea = "the most likely symmetric rises"
    not_symmetric = Mistake(
        "symmetry forgotten",
        "This histogram is not symmetric. Two bins share one rise: which fits both?",
    )
    counts = Mistake(
        "counts, not shares",
        "These are counts. The rises sum to 1.",
    )
    heights = Mistake(
        "heights, not rises",
        "This is the density. A bin's rise is its mass: height times width.",
    )
    doubled = Mistake(
        "both sides added",
        "All rises together make 1. Here they make 2: two bins share the sum.",
    )
    middle = Mistake(
        "middle bin as half a pair",
        "The middle one of an odd number of bins mirrors itself. It keeps its whole "
        "share; two bins of a pair have half of theirs each.",
    )
    geometric = Mistake(
        "geometric mean of both sides",
        "The two counts of a pair add up in the log-likelihood: n log phi + m log phi.",
    )
    larger = Mistake(
        "larger of both sides",
        "The two counts of a pair add up in the log-likelihood: n log phi + m log phi.",
    )
    other_side = Mistake(
        "mirror image of the histogram",
        "Every bin has the share of its mirror image here; both sides count alike.",
    )
    last_edge = Mistake(
        "last edge lost",
        "A point on the last edge belongs to the last bin, and counts.",
    )
    equal_widths = Mistake(
        "bins of equal width",
        "The bins lie between the given edges, which are not equally far apart.",
    )
    one_more = Mistake(
        "one more point in each bin",
        "The most likely rise of a pair without data is 0. Here all get one for free.",
    )
    one_side = Mistake(
        "one side only",
        "These are the shares of the points on one side. The others count as well.",
    )


class Nll(Known):
    """The mean negative log-likelihood."""

    idea = "the mean negative log-likelihood"
    no_width = Mistake(
        "widths forgotten",
        "The density is the slope of the inverse: the rise over the width of the bin.",
    )
    equal_widths = Mistake(
        "bins of equal width",
        "K phi is the slope on bins of the width 1 / K. These bins have other widths.",
    )
    upside_down = Mistake(
        "width upside down",
        "The wider the bin, the thinner its mass is spread: divide by the width.",
    )
    minus = Mistake(
        "minus sign forgotten",
        "This is the log-likelihood. Asked for is the negative one.",
    )
    summed = Mistake(
        "sum instead of mean",
        "Asked for is the mean over the data; this is the sum.",
    )
    no_mean = Mistake(
        "no mean over the data",
        "One number is asked for; this is one for each point.",
    )
    log_of_mean = Mistake(
        "logarithm of the mean",
        "The mean is taken of the logarithms: the likelihood is a product.",
    )
    weighted = Mistake(
        "rises for the shares of the data",
        "The mean is over the data, whose shares in the bins are not the rises.",
    )
    made_symmetric = Mistake(
        "rises made symmetric",
        "Take the rises as they are given, symmetric or not.",
    )
    base = Mistake(
        "log-det forgotten",
        "This is the NLL of z alone, whose density is 1. Where is the slope dz/dx?",
    )
    bits = Mistake(
        "logarithm to the base 2",
        "log is the natural logarithm here, and the unit is the nat.",
    )
    empty = Mistake(
        "0 log 0",
        "A bin without data and with the rise 0 adds nothing: leave it out of the sum.",
    )
    no_log = Mistake(
        "logarithm forgotten",
        "This is a mean of densities. Asked for is that of -log p(x).",
    )


class Arc(Known):
    """Where the points land."""

    idea = "where z lands"
    mean_slope = Mistake(
        "mean slope of the whole bin",
        "(s + e) / 2 is the mean slope up to the end of the bin. Which is it up to z?",
    )
    no_half = Mistake(
        "slope at z, times z",
        "The slope was another one on the way. The integral of t is t^2 / 2.",
    )
    no_width = Mistake(
        "width forgotten",
        "The slope changes from s to e while z goes from 0 to w: the share is z / w.",
    )
    exchanged = Mistake(
        "slopes exchanged",
        "At z = 0 the slope is s (start), at z = w it is e (end).",
    )
    over_width = Mistake(
        "result divided by the width",
        "z is a length, not a share of the bin: x is as long as slope times z.",
    )
    only_start = Mistake(
        "slope of the start",
        "This is the line of slope s. The slope changes on the way.",
    )
    ratio = Mistake(
        "slope that changes by a factor",
        "Half-way the slope is (s + e) / 2: each step changes it by the same amount.",
    )


class ArcInverse(Known):
    """Where the way back ends."""

    idea = "where the way back from x ends"
    straight = Mistake(
        "division by the quadratic term",
        "NaN is 0 / 0: where s = e the equation is linear. Let the root stand below.",
    )
    wrong_root = Mistake(
        "the other solution",
        "A quadratic equation has two solutions. Which of them lies in [0, w]?",
    )
    share = Mistake(
        "share of the width",
        "This is z / w, the position in the bin. Asked for is z.",
    )
    no_root = Mistake(
        "square root forgotten",
        "This uses the square of the slope at z. Take its square root.",
    )
    no_two = Mistake(
        "2 forgotten under the root",
        "Solve a z^2 / 2 + s z = x with a = (e - s) / w: s^2 + 2 a x under the root.",
    )
    line = Mistake(
        "inverse of a straight line",
        "This divides x by one slope. On an arc the slope changes on the way.",
    )
    exchanged = Arc.exchanged
    no_width = Arc.no_width
    forward = Mistake(
        "map for its inverse",
        "This is where x would land, were it a z. Solve the equation for z.",
    )


class ArcLogSlope(Known):
    """The logarithm of the slope."""

    idea = "the logarithm of the slope"
    sign = BendLogDet.sign
    no_log = Mistake(
        "logarithm forgotten",
        "This is the slope. Asked for is its logarithm.",
    )
    summed = Mistake(
        "sum over the batch",
        "Every point has an arc, and a slope, of its own: no sum is taken.",
    )
    mean_so_far = Mistake(
        "mean slope so far",
        "x / z is the mean slope on the way to z. Asked for is the slope at z.",
    )
    at_x = Mistake(
        "slope where x stands",
        "s + (e - s) z / w needs z. This puts x in its place: first find z.",
    )
    ratio = Arc.ratio
    exchanged = Arc.exchanged
    no_width = Arc.no_width
    no_root = ArcInverse.no_root
    no_two = ArcInverse.no_two
