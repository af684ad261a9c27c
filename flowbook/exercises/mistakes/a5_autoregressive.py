"""The known mistakes of assignment 5, autoregressive models, with their hints."""

from flowbook.exercises.known import Known, Mistake


class MasksHidden(Known):
    """The masks of a network, connection by connection."""

    idea = "the kept connections (True) into a hidden layer"
    strict = Mistake(
        "< against <=",
        "A hidden unit must hear units of its own degree, or what it knows is lost. "
        "Only outputs are strict.",
    )
    out_of_range = Mistake(
        "hidden degrees out of range",
        "Nobody may listen to a hidden unit of degree G - 1: take the remainder by G "
        "- 1, not by G.",
    )
    order_ignored = Mistake(
        "ranks ignored",
        "This mask belongs to the order 0, 1, 2, ... of the entries. Input j has the "
        "degree ranks[j].",
    )
    turned = Mistake(
        "mask transposed",
        "A row belongs to the unit that listens, a column to the unit that it hears.",
    )
    many = Mistake(
        "as many groups as entries",
        "Entries with the same rank are one group: there are ranks.max() + 1 groups, "
        "not len(ranks).",
    )
    from_one = Mistake(
        "hidden degrees from 1",
        "The degrees of hidden units are counted from 0: unit 0 has the degree 0.",
    )
    blocks = Mistake(
        "hidden degrees in blocks",
        "The degrees go in turn, 0, 1, ..., 0, 1, ...: unit k has the degree k mod (G"
        " - 1).",
    )
    higher = Mistake(
        "higher degrees heard",
        "A hidden unit listens to its own degree or a lower one. Here it hears the "
        "higher ones.",
    )
    few = Mistake(
        "one group too few",
        "Ranks are counted from 0, so there are G = ranks.max() + 1 groups.",
    )


class MasksOutput(Known):
    """The masks of a network, connection by connection."""

    idea = "the kept connections (True) into the outputs"
    leak = Mistake(
        "<= against <",
        "An output that hears units of its own degree hears its own entry: that is a "
        "leak.",
    )
    repeated = Mistake(
        "outputs in the wrong order",
        "The outputs of one entry stand together: 0, 0, 1, 1, ... Compare repeat and "
        "repeat_interleave.",
    )
    out_of_range = MasksHidden.out_of_range
    order_ignored = Mistake(
        "ranks ignored",
        "This belongs to the order 0, 1, 2, ... The outputs of entry i have the "
        "degree ranks[i].",
    )
    turned = MasksHidden.turned
    many = MasksHidden.many
    from_one = MasksHidden.from_one
    blocks = MasksHidden.blocks
    few = MasksHidden.few


class LogProb(Known):
    """The log-density of the autoregressive model."""

    idea = "the log-density of the autoregressive model"
    log_scale_sign = Mistake(
        "exp(alpha) for exp(-alpha)",
        "You multiplied by the scale. To standardise, divide by it: u = (x - m) "
        "exp(-alpha).",
    )
    log_det_sign = Mistake(
        "log-det sign",
        "The sum of the alpha has the wrong sign. A large scale makes the density "
        "lower.",
    )
    forgotten = Mistake(
        "log-det forgotten",
        "This is the sum of log f(u_i) alone. Where is the factor exp(-alpha_i)?",
    )
    summed = Mistake(
        "sum over the batch",
        "One number for each row of x is asked for; this is their sum.",
    )
    no_sum = Mistake(
        "no sum over the entries",
        "A row has one density, the product of its entries'. So their logarithms are "
        "added up.",
    )
    averaged = Mistake(
        "mean over the entries",
        "A density of several entries is a product, so its logarithm is a sum, not a "
        "mean.",
    )
    normal = Mistake(
        "normal for logistic",
        "These are normal conditionals, as in chapter 7. Here they are logistic.",
    )
    exchanged = Mistake(
        "location and log-scale exchanged",
        "The first of the two numbers of an entry is the location, the second the "
        "log-scale.",
    )
    variance = Mistake(
        "alpha as a log-variance",
        "The scale is exp(alpha). Here alpha is halved, as if exp(alpha) were a "
        "variance.",
    )
    one_softplus = Mistake(
        "one softplus too few",
        "The density has the square of 1 + exp(-u) below the line: softplus(-u) "
        "counts twice.",
    )
    softplus_sign = Mistake(
        "sign in the softplus",
        "In log f stands softplus(-u), the logarithm of 1 + exp(-u); here u has the "
        "other sign.",
    )


class LogProbTail(Known):
    """The log-density far out."""

    idea = "the log-density far out"
    overflow = Mistake(
        "overflow",
        "exp(300) is infinite. Never form 1 + exp(-u): softplus(-u) is its logarithm "
        "for every u.",
    )
    summed = LogProb.summed
    no_sum = Mistake(
        "no sum over the entries",
        "One number for each row is asked for: shape (batch,), not (batch, dim).",
    )
    normal = Mistake(
        "normal for logistic",
        "This is a normal conditional, as in chapter 7. Here it is logistic.",
    )
    one_softplus = LogProb.one_softplus
    softplus_sign = LogProb.softplus_sign
    exchanged = LogProb.exchanged


class Sample(Known):
    """Samples, one group after the other."""

    idea = "samples, one group after the other"
    log_scale_sign = Mistake(
        "exp(-alpha) for exp(alpha)",
        "You divided by the scale. That is the way from x to z; from z to x one "
        "multiplies.",
    )
    stale = Mistake(
        "stale x in the loop",
        "Entries of rank 1 and more need those before them: ask again for each group,"
        " at the new x.",
    )
    at_z = Mistake(
        "network asked at z",
        "The network expects x: its outputs depend on entries that have been drawn, "
        "not on noise.",
    )
    too_few = Mistake(
        "one group too few",
        "The last group still has its first values. There are ranks.max() + 1 groups.",
    )
    exchanged = LogProb.exchanged
    variance = LogProb.variance
    no_scale = Mistake(
        "noise not scaled",
        "The noise is multiplied by the scale exp(alpha) before the location is added.",
    )
    order = Mistake(
        "an order taken for ranks",
        "ranks[i] is the rank of entry i. Here it is read as the entry that comes "
        "i-th.",
    )
    reverse = Mistake(
        "groups in reverse",
        "The groups are taken from the last to the first. Rank 0 comes first: it "
        "looks at nothing.",
    )
    backwards = Mistake(
        "the way from x to z",
        "This is (z - m) exp(-alpha). From noise to data: x = m + z exp(alpha).",
    )


class SamplePasses(Known):
    """How many calls of the network one batch of samples needs."""

    idea = "how many calls of the network one batch of samples needs"
    every_entry = Mistake(
        "a call for each entry",
        "Entries of one group can be drawn together: one call for each group is "
        "enough.",
    )
    stale = Mistake(
        "stale x in the loop",
        "One call cannot be enough: entries of rank 1 and more need those before them.",
    )
    too_few = Mistake(
        "one group too few",
        "Ranks are counted from 0, so there are ranks.max() + 1 groups.",
    )
    too_many = Mistake(
        "a call too many",
        "After the last group nobody needs the network: as many calls as groups are "
        "enough.",
    )
    exchanged = LogProb.exchanged
    order = Sample.order
    backwards = Sample.backwards


class SampleGradient(Known):
    """The gradient of the samples with respect to the noise."""

    idea = "the gradient of the samples with respect to the noise"
    detached = Mistake(
        "detach in the loop",
        "This takes the network's outputs for constants. They depend on the noise: do"
        " not detach.",
    )
    cut_off = Mistake(
        "no gradient at all",
        "The result does not know its noise any more. A detach, a no_grad or plain "
        "numbers cut the way.",
    )
    too_few = Mistake(
        "one group too few",
        "This gradient knows nothing of the last group. There are ranks.max() + 1 "
        "groups.",
    )
    log_scale_sign = Sample.log_scale_sign
    stale = Mistake(
        "stale x in the loop",
        "This is the gradient of a map that asks the network once, before any entry "
        "was there.",
    )
    at_z = Sample.at_z
    exchanged = LogProb.exchanged
    variance = LogProb.variance
    no_scale = Sample.no_scale
    order = Sample.order
    reverse = Sample.reverse
    backwards = Sample.backwards


class InverseFlow(Known):
    """Samples of the inverse flow, in one call."""

    idea = "samples of the inverse flow, in one call"
    log_scale_sign = Mistake(
        "exp(alpha) for exp(-alpha)",
        "Here the normalising direction generates: subtract the location, multiply by"
        " exp(-alpha).",
    )
    not_turned = Mistake(
        "map not turned round",
        "This is m + z exp(alpha), the map of Exercise 5.3. Turned round it is (z - "
        "m) exp(-alpha).",
    )
    exchanged = LogProb.exchanged
    variance = LogProb.variance
    reversed = Mistake(
        "pair reversed",
        "The samples come first, their log-density second.",
    )


class InverseFlowDensity(Known):
    """The log-density of the inverse flow's own samples."""

    idea = "the log-density of the inverse flow's own samples"
    log_det_sign = Mistake(
        "log-det sign",
        "x shrinks by exp(-alpha), so the density of x grows by exp(alpha): turn the "
        "sign.",
    )
    forgotten = Mistake(
        "log-det forgotten",
        "This is log p_Z(z) alone. The map stretches: where is its determinant?",
    )
    base_at_x = Mistake(
        "p_z evaluated at x",
        "The base density knows only base variables: take log f at z, not at x.",
    )
    summed = Mistake(
        "sum over the batch",
        "One number for each row of z is asked for; this is their sum.",
    )
    normal = Mistake(
        "normal for logistic",
        "This base is normal, as in chapter 7. Here z is logistic: log f of Exercise "
        "5.2.",
    )
    no_sum = Mistake(
        "no sum over the entries",
        "This is one number for each entry. A row has one density: add them up.",
    )
    exchanged = LogProb.exchanged
    variance = LogProb.variance
    one_softplus = LogProb.one_softplus
    softplus_sign = LogProb.softplus_sign
    reversed = InverseFlow.reversed
    no_base = Mistake(
        "base forgotten",
        "This is the log-determinant alone. Add log p_Z(z), the sum of log f(z_i).",
    )
    at_x_again = Mistake(
        "the density of Exercise 5.2",
        "This asks how dense x is there. Here x is made of z, so take log p_Z(z), and "
        "add the log-determinant.",
    )
