"""The known mistakes of assignment 10, bounds, codes and critics, with their hints."""

from flowbook.exercises.known import Known, Mistake

SUMMED = Mistake(
    "sum over the batch",
    "One number for each row is asked for; this is their sum.",
)


# --- Exercise 10.1: every bound at once -----------------------------------------------


class Bounds(Known):
    """The importance-weighted bounds of 1, 2, ..., n draws."""

    idea = "the importance-weighted bounds of 1, 2, ..., n draws"
    mean_of_logs = Mistake(
        "mean of logs",
        "This is the mean of the log-weights, an ELBO. The bound is the logarithm of "
        "the mean weight.",
    )
    no_log_k = Mistake(
        "-log K forgotten",
        "These are sums of weights. The mean of K weights is their sum over K: "
        "subtract log K.",
    )
    log_n = Mistake(
        "-log n in every row",
        "Row K - 1 has the mean of K weights, not of all n: subtract log K there.",
    )
    no_log = Mistake(
        "K for log K",
        "The mean divides by K; in logarithms that subtracts log K, not K.",
    )
    plus_log_k = Mistake(
        "log K added",
        "The mean of K weights is their sum divided by K: log K is subtracted.",
    )
    flipped = Mistake(
        "flipped weights",
        "These are the bounds with q/p for p/q. The weight is the joint density over "
        "q.",
    )
    product = Mistake(
        "weights multiplied",
        "These weights are p(x, z) times q(z). The weight is p(x, z) over q(z).",
    )
    no_q = Mistake(
        "log q forgotten",
        "These weights are p(x, z) alone. Draws come from q: divide by its density.",
    )
    over_batch = Mistake(
        "sum over the batch",
        "The weights are added along the batch. Draws are the rows: dimension 0.",
    )
    from_zero = Mistake(
        "counted from zero",
        "Row 0 belongs to one draw, K = 1: nothing is divided by 0.",
    )
    all_draws = Mistake(
        "the last bound in every row",
        "Every row holds the bound of all n draws. Row K - 1 sees the first K alone.",
    )


class BoundsRange(Known):
    """Bounds of very small and very large weights."""

    idea = "bounds of very small and very large weights, to the nearest ten"
    no_logsumexp = Mistake(
        "no logsumexp",
        "exp(-2000) is 0 and exp(500) is infinite: never leave the logarithms "
        "(logsumexp).",
    )
    one_largest = Mistake(
        "one largest weight for all columns",
        "Next to the largest of all log-weights those of another x are still 0.",
    )
    kept_away = Mistake(
        "weights kept away from 0",
        "A small number inside the logarithm makes all small weights alike. Use "
        "logsumexp.",
    )
    columns = Mistake(
        "one largest weight for each column",
        "Next to +500 the first weight of its column is 0. Each row needs the largest "
        "so far: logcumsumexp, or a logsumexp of its own.",
    )
    mean_of_logs = Bounds.mean_of_logs
    flipped = Bounds.flipped
    over_batch = Bounds.over_batch
    from_zero = Bounds.from_zero
    all_draws = Bounds.all_draws


# --- Exercise 10.2: the encoder's gradient --------------------------------------------


class Encoder(Known):
    """The doubly reparameterised gradient of a Laplace encoder."""

    idea = "the doubly reparameterised gradient, columns m and log b"
    once = Mistake(
        "weights not squared",
        "This is the path with w for w^2: the score is left out, and for more than one "
        "draw the mean is wrong. Square the normalised weights.",
    )
    plain = Mistake(
        "score of q left in",
        "This is the plain gradient. In log q the numbers m and b stand still: only z "
        "moves.",
    )
    joint_only = Mistake(
        "slope of log q forgotten",
        "This is the slope of log p(x, z) alone. log w also has -log q(z), which moves "
        "with z.",
    )
    over_rows = Mistake(
        "normalised over the batch",
        "Weights of one x sum to one over its draws, dimension 0.",
    )
    renormalised = Mistake(
        "squares normalised again",
        "These squares were divided by their sum. Normalise first, then square: they "
        "sum to less than one.",
    )
    unnormalised = Mistake(
        "weights not normalised",
        "The weights of the draws of one x are divided by their sum, before the "
        "squares.",
    )
    flipped = Mistake(
        "flipped weights",
        "The draws are weighted with q/p. The weight is the joint density over q.",
    )
    equal = Mistake(
        "equal weights",
        "Every draw counts alike here. Draw k counts with the square of its normalised "
        "weight.",
    )
    by_scale = Mistake(
        "derivative by b for that by log b",
        "The second column is the derivative by b. That by log b is b times as large.",
    )
    no_noise = Mistake(
        "noise forgotten",
        "z = m + b eps: its derivative by log b has the factor eps.",
    )
    normal = Mistake(
        "a normal q",
        "This q is normal. The Laplace density has |z - m| / b in its exponent.",
    )
    averaged = Mistake(
        "mean over the draws",
        "The weights average already: the squares' terms are added, not averaged.",
    )
    columns = Mistake(
        "columns exchanged",
        "The first column belongs to m, the second to log b.",
    )
    sign = Mistake(
        "minus the gradient",
        "This is the gradient of the loss. Asked for is that of the bound.",
    )


# --- Exercise 10.3: codes of what is left ---------------------------------------------


class Codes(Known):
    """The code of each stage, of what the stages before leave."""

    idea = "the codes, stage by stage"
    no_rest = Mistake(
        "every stage codes z",
        "All stages see z itself. Stage 2 codes what is left: z less the first vector.",
    )
    added = Mistake(
        "vectors added",
        "What is left is z less the vectors so far. Here they are added.",
    )
    of_vector = Mistake(
        "the vector coded, not the rest",
        "Later stages code the vector that was chosen. What is left is z less that "
        "vector.",
    )
    inner = Mistake(
        "largest product for the nearest",
        "The largest z · e is nearest only if all e are equally long. Use |z - e|^2.",
    )
    farthest = Mistake(
        "farthest for nearest",
        "These are the codes with the largest distance: argmin, not argmax.",
    )
    last = Mistake(
        "the last of equals",
        "Of two codes at the same distance the first is asked for.",
    )
    jointly = Mistake(
        "all sums compared",
        "This is the best of all sums of vectors. Asked for is stage by stage, each "
        "nearest to what is left.",
    )
    first_book = Mistake(
        "one codebook for all stages",
        "Each stage has a codebook of its own, codebooks[stage].",
    )
    city = Mistake(
        "city-block distance",
        "Differences were added without squares. Nearest is meant by the sum of "
        "squares.",
    )
    reverse = Mistake(
        "last stage first",
        "The stages go from codebooks[0] on. Here the last one coded z.",
    )


class Through(Known):
    """The quantised z: its value, and where its gradient goes."""

    idea = "the quantised z"
    no_gradient = Mistake(
        "not straight through",
        "This is the sum of the vectors as it is: its gradient goes to the codebooks, "
        "and none to z.",
    )
    stopped = Mistake(
        "everything stopped",
        "No gradient flows at all. z must stay in the graph: only the step from z to "
        "the vectors is stopped.",
    )
    both = Mistake(
        "gradient to the codebooks too",
        "The gradient reaches z and the codebooks. The decoder's gradient is for z "
        "alone.",
    )
    wrong_part = Mistake(
        "the wrong part stopped",
        "The value is right, but the gradient goes to the codebooks, and to z with a "
        "minus. Stop the step, e - z, not z.",
    )
    unchanged = Mistake(
        "z not replaced",
        "The value is z itself. It must be the sum of the vectors; only the gradient "
        "is z's.",
    )
    first_stage = Mistake(
        "first stage alone",
        "This is the first stage's vector. All stages' vectors are added.",
    )
    averaged = Mistake(
        "mean of the stages",
        "The vectors of the stages are added, not averaged.",
    )
    first_book = Codes.first_book


class Pull(Known):
    """The terms that pull vectors and z together, and where their gradients go."""

    idea = "the two pulling terms"
    exchanged = Mistake(
        "beta on the codebook term",
        "beta belongs to the term that moves z. Its place is wrong, or the two "
        "stop-gradients are exchanged.",
    )
    after = Mistake(
        "quantised after straight-through",
        "The straight-through value stands for the vectors: its gradient is z's, and "
        "the codebooks get none. Use the vectors themselves.",
    )
    no_stop = Mistake(
        "no stop-gradients",
        "Both terms move both. The first may move the codebooks alone, the second z "
        "alone.",
    )
    one_stop = Mistake(
        "z not stopped",
        "The first term moves z too. In it z stands still: sg[z].",
    )
    other_stop = Mistake(
        "vectors not stopped",
        "The second term moves the codebooks too. There they stand still: sg[e].",
    )
    all_stopped = Mistake(
        "everything stopped",
        "No gradient flows at all: each of the two terms stops only one of its parts.",
    )
    no_codebook = Mistake(
        "codebook term forgotten",
        "This is the commitment alone. The codebooks are moved by a term of their own.",
    )
    no_commitment = Mistake(
        "commitment forgotten",
        "This is the codebook term alone. beta times the commitment is missing.",
    )
    averaged = Mistake(
        "mean over the features",
        "The squared distance is a sum over the features. This is their mean.",
    )
    root = Mistake(
        "distance not squared",
        "These are distances. The terms are their squares.",
    )
    city = Mistake(
        "absolute differences",
        "The absolute differences were added. The terms are sums of squares.",
    )
    each_stage = Mistake(
        "each vector pulled to z",
        "Every stage's vector is compared with z. It is their sum that must be z.",
    )
    summed = SUMMED


# --- Exercise 10.4: spend your nats ---------------------------------------------------


class Own(Known):
    """What the best linear VAE with one's beta spends. Known by other readings."""

    idea = "the nats that your beta spends"
    level = Mistake(
        "level for beta",
        "This is the level theta. beta is theta over sigma^2.",
    )
    sigma = Mistake(
        "sigma for its square",
        "The level was divided by sigma. It is beta times sigma^2.",
    )
    turned = Mistake(
        "beta upside down",
        "This is one over beta. The level is beta times sigma^2.",
    )
    bits = Mistake(
        "bits for nats",
        "This spends as many bits. One bit is log 2 = 0.693 nats: use the natural "
        "logarithm.",
    )
    half = Mistake(
        "one half forgotten",
        "A feature above the water costs half of the logarithm of variance over level.",
    )
    drowned = Mistake(
        "drowned features counted",
        "Features below the level were counted, with negative nats. They cost 0: leave "
        "them out, and solve again.",
    )
    few = Mistake(
        "a feature too few",
        "With this level one more feature stands out of the water, and costs nats too.",
    )
    deviations = Mistake(
        "variances squared",
        "The variances were squared, as if they were standard deviations.",
    )
    digits = Mistake(
        "too few digits",
        "This is nearly right: give beta with at least four digits.",
    )
    other = Mistake(
        "another number of nats",
        "A larger beta spends less. Try: which features stand above beta sigma^2, and "
        "what do they cost together?",
    )


# --- Exercise 10.5: noise of its own --------------------------------------------------


class Pair(Known):
    """The best encoder and decoder of each feature."""

    idea = "the best linear VAE of each feature"
    wrong_term = Mistake(
        "beta on the wrong term",
        "This is the best for beta on the distortion. beta multiplies the rate: a "
        "large beta says less.",
    )
    deviation = Mistake(
        "noise taken for a standard deviation",
        "You squared the noise. It holds variances already.",
    )
    no_beta = Mistake(
        "beta ignored",
        "This is the answer for beta = 1.",
    )
    no_noise = Mistake(
        "noise ignored",
        "This takes beta itself for the level, as if all noise variances were 1.",
    )
    one_noise = Mistake(
        "one noise for all features",
        "This takes the mean of the noise for all. Each feature has its own level.",
    )
    no_clamp = Mistake(
        "a root of a negative number",
        "A feature below its level is not coded: w = v = 0 and s^2 = 1 there.",
    )
    one_sided = Mistake(
        "s^2 above 1",
        "A feature that is not coded costs nothing: its q is the prior, s^2 = 1.",
    )
    principal = Mistake(
        "w of an autoencoder",
        "w^2 = lambda leaves no room for the noise. The best w^2 is lambda less the "
        "level.",
    )
    tied = Mistake(
        "encoder equal to the decoder",
        "v is not w: the best v is w over w^2 + level.",
    )
    inverse = Mistake(
        "encoder one over the decoder",
        "v = 1/w undoes the decoder. The best encoder shrinks: v = w / (w^2 + level).",
    )
    std = Mistake(
        "s for s^2",
        "The third part is the variance of q, s^2. This is its root.",
    )
    square = Mistake(
        "w squared",
        "The first part is w, the root. This is its square.",
    )


# --- Exercise 10.6: a judge with other shares -----------------------------------------


class Judge(Known):
    """The logarithm of the best discriminator."""

    idea = "log D of the best judge"
    equal = Mistake(
        "shares ignored",
        "This is the best judge for equal shares. Multiply p by pi and q by 1 - pi.",
    )
    exchanged = Mistake(
        "shares exchanged",
        "pi is the share of the data, p. Here it stands at q.",
    )
    fake = Mistake(
        "the other answer",
        "This is log(1 - D): how sure the judge is of a sample.",
    )
    no_log = Mistake(
        "logarithm forgotten",
        "This is D itself. Its logarithm is asked for.",
    )
    odds = Mistake(
        "log-odds for log D",
        "This is log D - log(1 - D). Send it through logsigmoid.",
    )
    share_only = Mistake(
        "share for its odds",
        "You added log pi to log p - log q. The log-odds also have -log(1 - pi).",
    )
    underflow = Mistake(
        "probability rounded to 0",
        "D = e^-2000 is 0 in a computer, and its logarithm -inf. Use logsigmoid.",
    )
    kept_away = Mistake(
        "probability kept away from 0",
        "A small number inside the logarithm makes all far places alike. Use "
        "logsigmoid.",
    )
    plain_sum = Mistake(
        "shares forgotten below the line",
        "D is pi p over pi p + (1 - pi) q. Below the line stands p + q here.",
    )
    data_alone = Mistake(
        "denominator forgotten",
        "This is log(pi p). Divide by pi p + (1 - pi) q.",
    )
    as_densities = Mistake(
        "logarithms taken for densities",
        "log_p and log_q are logarithms. Here they stand for p and q.",
    )


class Divergence(Known):
    """The Jensen-Shannon divergence with shares."""

    idea = "the divergence with shares pi and 1 - pi"
    equal = Mistake(
        "shares ignored",
        "This is the divergence for equal shares.",
    )
    half_mixture = Mistake(
        "mixture of equal shares",
        "m is pi p + (1 - pi) q. Here it is the plain mean of p and q.",
    )
    half_terms = Mistake(
        "terms of equal shares",
        "The mixture is right. The two divergences count pi and 1 - pi, not one half "
        "each.",
    )
    exchanged = Mistake(
        "shares exchanged",
        "pi is the share of p. Here it stands at q.",
    )
    unweighted = Mistake(
        "divergences added plainly",
        "The divergence of p counts pi, that of q counts 1 - pi.",
    )
    turned = Mistake(
        "arguments of the KL swapped",
        "These are KL(m || p) and KL(m || q). The expectations are under p and q.",
    )
    value = Mistake(
        "value of the game",
        "This is the value V at the best judge. The divergence is V plus the entropy "
        "of the shares.",
    )
    no_width = Mistake(
        "widths forgotten",
        "A sum over places becomes an integral with the weights.",
    )
    zero = Mistake(
        "zero times infinity",
        "Where p = 0 its term is 0, and log p is -inf: 0 times -inf is no number. Put "
        "0 there.",
    )
    one_term = Mistake(
        "one divergence alone",
        "This is the term of p. That of q, with 1 - pi, is missing.",
    )
    bits = Mistake(
        "bits for nats",
        "These are bits. Use the natural logarithm.",
    )


# --- Exercise 10.7: earth of two samples ----------------------------------------------


class Earth(Known):
    """W1 between two samples on a line."""

    idea = "W1 of two samples on a line"
    cut = Mistake(
        "points left over",
        "Sorted points were paired, and those left over dropped. Each x carries 1/n, "
        "each y 1/m: compare the distribution functions.",
    )
    means = Mistake(
        "difference of the means",
        "Earth that goes left and earth that goes right cancel here. Take absolute "
        "values before the sum.",
    )
    pairs = Mistake(
        "mean over all pairs",
        "This carries every x to every y. The best plan carries less far.",
    )
    largest = Mistake(
        "largest gap",
        "This is the largest difference of the distribution functions. W1 is the area "
        "between them.",
    )
    no_width = Mistake(
        "widths forgotten",
        "The differences were added without the widths between the places.",
    )
    squared = Mistake(
        "differences squared",
        "W1 is the area of |F - G|, without squares.",
    )
    counts = Mistake(
        "counts for shares",
        "F is a share of all n points, from 0 to 1. Here points were counted.",
    )
    between = Mistake(
        "quantiles interpolated",
        "A sample's quantile function has steps. Straight lines between its points "
        "carry other earth.",
    )
    second = Mistake(
        "W2 for W1",
        "This is the root of the mean squared distance. W1 is the mean distance.",
    )


# --- Exercise 10.8: a critic and a generator ------------------------------------------


class Penalty(Known):
    """The one-sided gradient penalty."""

    idea = "the one-sided gradient penalty"
    two_sided = Mistake(
        "flat critics punished",
        "This is the penalty of the chapter, on both sides. Here only norms above 1 "
        "cost something.",
    )
    wrong_side = Mistake(
        "the wrong side",
        "This punishes norms below 1. The critic may be flat, and not steep.",
    )
    one_norm = Mistake(
        "one norm for the batch",
        "This is the norm of all slopes together. Each x has a norm of its own.",
    )
    columns = Mistake(
        "norms of the columns",
        "These norms go over the batch. Each row has one, over the features.",
    )
    entries = Mistake(
        "every entry on its own",
        "Each derivative was compared with 1. It is the norm of a row that may not "
        "exceed 1.",
    )
    of_mean = Mistake(
        "gradient of the mean",
        "These slopes are divided by the number of rows: differentiate the sum of the "
        "scores, not their mean.",
    )
    plain = Mistake(
        "excess not squared",
        "Asked for is the square of what a norm has above 1.",
    )
    norm_squared = Mistake(
        "norm squared",
        "The squared norm was compared with 1. Take the norm, then the excess, then "
        "the square.",
    )
    total = Mistake(
        "sum over the batch",
        "The penalty is the mean over the rows. This is the sum.",
    )
    constant = Mistake(
        "no gradient for the critic",
        "The value is right, but the critic cannot learn from it: autograd.grad needs "
        "create_graph=True.",
    )


class CriticStep(Known):
    """The critic's weights after a step, and after clipping."""

    idea = "the critic's weights after its step"
    before = Mistake(
        "clipped before the step",
        "After this step weights are outside the bound. First the step, then clip.",
    )
    no_clip = Mistake(
        "not clipped",
        "The step is right. Clip all weights to [-bound, bound] after it.",
    )
    sign = Mistake(
        "critic sign",
        "This critic gives samples the higher scores. It lowers the mean score of "
        "samples less that of data.",
    )
    slopes = Mistake(
        "gradient clipped",
        "The gradient was clipped. Clip the weights.",
    )
    above = Mistake(
        "clipped from above only",
        "Weights below -bound are left. Clip at both ends.",
    )
    total = Mistake(
        "sum over the batch",
        "The loss has means of scores; these are sums.",
    )
    norm = Mistake(
        "all weights scaled",
        "The weights were scaled as one vector. Clip each of them by itself.",
    )
    judge = Mistake(
        "the judge's loss",
        "This is the step of a discriminator, with logarithms of probabilities. A "
        "critic's scores are no logits.",
    )
    rate = Mistake(
        "rate forgotten",
        "The step is rate times the gradient.",
    )


class GeneratorStep(Known):
    """The generator's shift after a step."""

    idea = "the generator's shift after its step"
    sign = Mistake(
        "generator sign",
        "The samples run away from the data. The critic is high on data: the generator "
        "lowers minus the mean score.",
    )
    total = Mistake(
        "sum over the batch",
        "The loss has the mean of the scores; this is their sum.",
    )
    rate = CriticStep.rate
    judge = Mistake(
        "the judged's loss",
        "This lowers -log D with the scores as logits. A critic's score is taken as it "
        "is.",
    )
    no_noise = Mistake(
        "noise forgotten",
        "The critic scored the shift alone. The samples are z + shift.",
    )
    no_shift = Mistake(
        "slope at z",
        "The critic scored z. The samples are z + shift.",
    )
