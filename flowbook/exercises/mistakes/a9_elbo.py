"""The known mistakes of assignment 9, the ELBO and a VAE, with their hints."""

from flowbook.exercises.known import Known, Mistake

# --- Exercise 9.1: from the posterior to the prior ------------------------------------


class Kl(Known):
    """The divergence from the posterior to the prior."""

    idea = "the divergence from the posterior to the prior"
    kl_sign = Mistake(
        "KL sign",
        "A divergence is never negative. The ELBO subtracts it; this function returns"
        " it.",
    )
    swapped = Mistake(
        "arguments swapped",
        "This is KL(p || q). The expectation is taken under q, the posterior.",
    )
    std = Mistake(
        "exp(log_var) for the standard deviation",
        "You took exp(log_var) for s and squared it. It is the variance s^2 already.",
    )
    averaged = Mistake(
        "mean over the entries",
        "Divergences of independent entries add up. With a mean the KL counts too "
        "little.",
    )
    summed = Mistake(
        "sum over the batch",
        "One number for each row is asked for; this is their sum.",
    )
    standard = Mistake(
        "prior ignored",
        "This is the divergence to N(0, I), as in chapter 14. Here the prior has "
        "numbers too.",
    )
    half = Mistake(
        "one half forgotten",
        "This is twice the divergence. Exponent and log-determinant both count one "
        "half.",
    )
    no_one = Mistake(
        "-1 forgotten",
        "Two equal densities have the divergence 0; here it is q/2. The entropy of q "
        "brings the -1.",
    )
    log_sign = Mistake(
        "sign of the log ratio",
        "The logarithms have the wrong sign: E log q brings -log s, E log p brings "
        "-log r.",
    )
    over_own = Mistake(
        "distance over the wrong variance",
        "The distance of the means is measured by the prior's variance, not by q's.",
    )
    turned = Mistake(
        "ratio upside down",
        "In the ratio of variances that of q stands above: E_q (z - m)^2 over v.",
    )
    no_distance = Mistake(
        "distance of the means forgotten",
        "Two normals with different means diverge too: (m - mu)^2 / v is missing.",
    )
    prior_mean_lost = Mistake(
        "prior mean forgotten",
        "This holds m^2. The distance of the means is that from m to mu.",
    )
    undivided = Mistake(
        "distance not divided",
        "(m - mu)^2 is taken as it is. It counts less under a wide prior: divide by v.",
    )
    times = Mistake(
        "distance times the variance",
        "(m - mu)^2 is multiplied by v. It counts less under a wide prior: divide.",
    )
    halved_twice = Mistake(
        "log ratio halved twice",
        "In the bracket stands the log of the ratio of variances; that of s is half.",
    )


# --- Exercise 9.2: probabilities of levels --------------------------------------------


class Levels(Known):
    """The log-probability of levels."""

    idea = "the log-probability of the levels of a row"
    unscaled = Mistake(
        "MSE without 1/(2 sigma^2)",
        "The squared distance counts 1/(2 s^2). Here it counts one, and s has no say.",
    )
    half = Mistake(
        "one half forgotten",
        "The exponent is the squared distance over 2 s^2; here it is over s^2.",
    )
    positive = Mistake(
        "sigma not positive",
        "You took log_scale itself for s. It is the logarithm, and may be negative: "
        "s = exp(log_scale).",
    )
    variance = Mistake(
        "log_scale for the log of the variance",
        "You divided by 2 exp(log_scale). It is log s, not log s^2: square s.",
    )
    levels = Mistake(
        "pixels scaled but not the likelihood",
        "The centre is on the scale of x/16. Here level k stands at k, not at k/16.",
    )
    seventeen = Mistake(
        "divided by 17",
        "There are 17 levels, but the largest of them is 16: level k stands at k/16.",
    )
    density = Mistake(
        "density, not probability",
        "This is the normal log-density at x/16. Divide by the sum over the 17 levels, "
        "or nothing sums to one.",
    )
    alone = Mistake(
        "the sum over the levels forgotten",
        "This is the exponent alone. Subtract the logarithm of the sum below the line.",
    )
    lost = Mistake(
        "a level forgotten",
        "The sum below the line has 16 terms here. The levels 0, 1, ..., 16 are 17.",
    )
    pixels = Mistake(
        "normalised over the wrong axis",
        "Each pixel has probabilities that sum to one over its 17 levels. You "
        "normalised over the pixels.",
    )
    averaged = Mistake(
        "mean over the pixels",
        "The log-probabilities of independent pixels add up. A mean makes 64 pixels "
        "count as one, and the KL of a VAE wins.",
    )
    summed = Mistake(
        "sum over the batch",
        "One number for each row is asked for; this is their sum.",
    )
    no_log = Mistake(
        "logarithm forgotten",
        "These are sums of probabilities. Take the logarithm of each pixel's, then "
        "add.",
    )
    upward = Mistake(
        "sign of the exponent",
        "Here the levels far from the centre are likely: the exponent has a minus.",
    )
    fifteen = Mistake(
        "divided by 15",
        "The steps from level to level are 1/16: 17 levels from 0 to 1, both included.",
    )
    areas = Mistake(
        "areas under the normal density",
        "P is not the area of a level's interval. It is the normal's height there, "
        "over the sum of all 17.",
    )


class LevelsRange(Known):
    """The log-probability of levels that are far from the centre of a narrow width."""

    idea = "far levels: log P finite, below 0, no rise, a fall"
    one_largest = Mistake(
        "one largest exponent for all pixels",
        "Next to the largest of all exponents those of another pixel are still 0: "
        "each pixel needs its own.",
    )
    no_logsumexp = Mistake(
        "no logsumexp",
        "exp(-10000) is 0, and its logarithm is no number: never leave the logarithms "
        "(log_softmax, logsumexp).",
    )
    clamped = Mistake(
        "probabilities kept away from 0",
        "A small number inside the logarithm makes all unlikely levels alike, and no "
        "gradient says which way is better. Use log_softmax.",
    )
    no_log = Levels.no_log
    upward = Levels.upward


# --- Exercise 9.3: the bound, from one draw -------------------------------------------


class Draw(Known):
    """One draw of z for each row. The mistakes are known by the law of the noise."""

    idea = "the draws from N(mean, e^log_var)"
    no_gradient = Mistake(
        "draw without gradient",
        "No gradient flows from z to the mean: sample() and no_grad() cut it, "
        "rsample() and mean + s * noise keep it.",
    )
    no_gradient_of_s = Mistake(
        "draw without the gradient of s",
        "A gradient flows to the mean, but none to log_var: z is mean + s * noise, and "
        "s must not be detached.",
    )
    no_noise = Mistake(
        "no draw",
        "This is the mean. Add s times a standard normal number.",
    )
    batch = Mistake(
        "one draw for the whole batch",
        "All rows have the same noise. Each row needs its own: randn of the shape of "
        "the mean.",
    )
    latents = Mistake(
        "one draw for all latents",
        "All latents of a row have the same noise: z then moves on a line. Each entry "
        "needs its own.",
    )
    std = Mistake(
        "exp(log_var) for the standard deviation",
        "exp(log_var) is the variance. The noise is multiplied by its root, "
        "exp(log_var / 2).",
    )
    positive = Mistake(
        "sigma not positive",
        "The noise is multiplied by s = exp(log_var / 2), always positive. log_var "
        "itself,"
        " its half and its root are not.",
    )
    unit = Mistake(
        "log_var ignored",
        "The noise has the standard deviation 1, whatever log_var says.",
    )
    no_mean = Mistake(
        "mean forgotten",
        "These draws are around 0. Add the mean.",
    )
    uniform = Mistake(
        "uniform noise",
        "This noise lies between 0 and s: rand is uniform. A normal number comes from "
        "randn.",
    )
    turned = Mistake(
        "s upside down",
        "The noise is multiplied by exp(-log_var / 2), which is 1/s.",
    )


class Elbo(Known):
    """An estimate of the ELBO."""

    idea = "the ELBO, estimated from one draw"
    kl_sign = Mistake(
        "KL sign",
        "The ELBO subtracts the divergence to the prior. Here it is added.",
    )
    no_kl = Mistake(
        "KL forgotten",
        "This is log p(x|z) alone. Subtract what it costs to leave the prior.",
    )
    loss = Mistake(
        "minus the ELBO",
        "This is the loss, minus the ELBO. Asked for is the bound itself.",
    )
    averaged = Mistake(
        "mean over the latents",
        "Divergences of independent latents add up. With a mean the KL counts too "
        "little.",
    )
    summed = Mistake(
        "sum over the batch",
        "One number for each row is asked for; this is their sum.",
    )
    mean_of_batch = Mistake(
        "mean over the batch",
        "One number for each row is asked for; this is their mean.",
    )
    std = Mistake(
        "exp(log_var) for the standard deviation",
        "In the divergence you squared exp(log_var). It is the variance already.",
    )
    half = Mistake(
        "one half forgotten",
        "The divergence counts twice here: it is one half of the sum.",
    )
    log_sign = Mistake(
        "sign of log_var",
        "In the divergence log_var counts minus: a narrow q knows more, and costs "
        "more.",
    )
    root = Mistake(
        "standard deviation for the variance",
        "In the divergence stands the variance, exp(log_var), not its root.",
    )
    at_mean = Mistake(
        "no draw",
        "You gave the mean to log_likelihood. Give it draw(mean, log_var).",
    )
    one_draw = Mistake(
        "log q - log p at the draw",
        "That is right on average, and noisy. The divergence has a closed form, "
        "without z: take it.",
    )
    turned = Mistake(
        "arguments of the KL swapped",
        "This subtracts KL(p || q). The expectation is under q: KL(q || p).",
    )
    exchanged = Mistake(
        "x and z exchanged",
        "log_likelihood takes x first, and then z.",
    )
    one_kl = Mistake(
        "one divergence for all rows",
        "Each row subtracts the divergence of the whole batch. Add up over the last "
        "axis alone.",
    )
    drawn_with_std = Mistake(
        "s given to draw",
        "draw takes the mean and log_var, as the encoder returns them.",
    )


# --- Exercise 9.4: a VAE of digits ----------------------------------------------------


class Vae(Known):
    """What a training reaches. The mistakes are known by what they lead to."""

    idea = "bits per pixel of other images"
    ran_away = Mistake(
        "the loss has no floor",
        "The networks give no numbers any more: the loss fell, or rose, without end. "
        "It is the KL MINUS log p(x|z); zero_grad each time; the recipe's rate.",
    )
    no_noise = Mistake(
        "no noise in the training",
        "This decoder is good without noise in z. Train with z = m + exp(log_var / "
        "2) * "
        "noise, new for every entry. (Does the encoder return log s^2, not s?)",
    )
    memorised = Mistake(
        "the same rows in every step",
        "It is very sure about images that it has seen, and wrong about others. Draw "
        "new rows, from all of the images, in every step.",
    )
    units = Mistake(
        "pixels scaled but not the likelihood",
        "These numbers are right in levels, 0 to 16. Asked for is the scale of x/16: "
        "compare the centre with k/16 in the training.",
    )
    variance = Mistake(
        "log_scale for the log of the variance",
        "This decoder is right if log_scale is log s^2. Asked for is log s.",
    )
    encoder_exp = Mistake(
        "log_var not a logarithm",
        "These codes are right if log_var is s, or s^2, itself. The encoder returns "
        "its logarithm, log s^2, which may be negative.",
    )
    decoder_exp = Mistake(
        "log_scale not a logarithm",
        "These pixels are right if log_scale is s, or s^2, itself. The decoder returns "
        "log s, which may be negative.",
    )
    unscaled = Mistake(
        "MSE without 1/(2 sigma^2)",
        "Widths were not learned: s is about 1. Is the loss log P(x), with s, and no "
        "squared error? Does Adam have the decoder's parameters?",
    )
    unused = Mistake(
        "the decoder ignores z",
        "The KL is 0: z says nothing about x. Does a gradient reach the encoder "
        "through z? Is log P(x) a SUM over the pixels?",
    )
    light = Mistake(
        "KL counts too little",
        "Images are explained well, but their codes cost far too much KL. Is it in the "
        "loss, and summed over the latents?",
    )
    little = Mistake(
        "learned too little",
        "No known slip fits. Is there a draw for each row and latent, a zero_grad, "
        "backward and step each time? Are units, sizes, rate, steps the recipe's?",
    )


class VaeBound(Vae):
    """What a training reaches that is nearly right."""

    std = Mistake(
        "exp(log_var) for the standard deviation",
        "This decoder expects z with s = exp(log_var). But log_var is log s^2: in the "
        "training s is exp(log_var / 2).",
    )


class Evidence(Known):
    """The evidence, log p(x)."""

    idea = "the evidence, log p(x)"
    prior_mean_lost = Mistake(
        "prior mean forgotten",
        "The mean of x is W mu + b. Here it is b alone, as if the prior were centred.",
    )
    prior_var_lost = Mistake(
        "prior variances forgotten",
        "This covariance is W W^T + diag(psi), as if the prior variances were 1.",
    )
    noise_std = Mistake(
        "noise taken for a standard deviation",
        "You squared the noise. It holds variances already.",
    )
    std = Mistake(
        "exp(log_var) for the standard deviation",
        "exp(prior_log_var) is the variance already. You squared it.",
    )
    half = Mistake(
        "half of the log-determinant",
        "log det C counts one half. With a Cholesky factor L this half is the sum of "
        "all log L_ii.",
    )
    constant = Mistake(
        "constant forgotten",
        "The constants of the normal densities, log(2 pi) / 2 for each feature, are "
        "missing.",
    )
    standard = Mistake(
        "prior ignored",
        "This is the density for the prior N(0, I), as in chapter 14. Use mu and v.",
    )
    no_bias = Mistake(
        "bias forgotten",
        "The mean of x is W mu + b. The b is missing.",
    )
    no_weight = Mistake(
        "noise alone",
        "The covariance is that of the noise alone. W z varies too.",
    )
    diagonal = Mistake(
        "diagonal covariance",
        "This uses the diagonal of W V W^T alone. Features share their latents: they "
        "correlate.",
    )
    one_constant = Mistake(
        "constant counted once",
        "Each of the D features has the constant log(2 pi) / 2, not the whole row.",
    )
    one_noise = Mistake(
        "one noise for all features",
        "This takes the mean of psi for all. Each feature has its own noise variance.",
    )


HALVED = Mistake(
    "log_std for the log of the variance",
    "You took exp(log_std / 2) for s. log_std is log s: s = exp(log_std).",
)


class Score(Known):
    """The score-function estimates, with the others' mean as baseline."""

    idea = "the score-function estimates, with the others' mean as baseline"
    own_sample = Mistake(
        "baseline with the own sample",
        "This baseline depends on y_k, so the estimate is biased: leave draw k out.",
    )
    no_baseline = Mistake(
        "baseline forgotten",
        "This is f times the score. Subtract the mean of f over the other draws.",
    )
    by_std = Mistake(
        "derivative by s for that by log s",
        "The second column is the derivative by s. That by a = log s is s times as "
        "large.",
    )
    no_scale = Mistake(
        "1/s forgotten",
        "The first column misses a factor 1/s: log p holds (log y - m)^2 / (2 s^2).",
    )
    no_one = Mistake(
        "-1 forgotten",
        "The log-density also holds -log s = -a, whose derivative by a is -1.",
    )
    at_log = Mistake(
        "f of log y",
        "You took f at m + s eps, which is log y. f is a function of y, the "
        "exponential.",
    )
    columns = Mistake(
        "columns exchanged",
        "The first column is the derivative by m, the second that by a.",
    )
    sign = Mistake(
        "sign of the score",
        "The score has the wrong sign: the derivative of -(log y - m)^2 / 2 by m is "
        "log y - m.",
    )
    added = Mistake(
        "baseline added",
        "The baseline is subtracted from f: what counts is how much better than the "
        "others.",
    )
    total = Mistake(
        "sum of the others",
        "The baseline is the mean of f over the other draws. Here it is their sum.",
    )
    over_all = Mistake(
        "n for n - 1",
        "The sum of f over the others is divided by n. They are n - 1.",
    )
    normal = Mistake(
        "y taken for normal",
        "This score is that of N(y; m, s^2). It is log y that is normal.",
    )
    halved = HALVED


class Path(Known):
    """The pathwise estimates."""

    idea = "the pathwise estimates"
    inner = Mistake(
        "inner derivative forgotten",
        "This is f'(y) times (1, eps s). y is an exponential: dy/dm = y.",
    )
    by_std = Score.by_std
    columns = Score.columns
    value = Mistake(
        "f for its derivative",
        "The chain rule has f'(y), the derivative of f, not f itself.",
    )
    no_eps = Mistake(
        "eps forgotten",
        "y is exp(m + exp(a) eps): its derivative by a has the factor eps.",
    )
    total = Mistake(
        "sum over the draws",
        "Every row holds the sum of all estimates. Each draw has one of its own.",
    )
    halved = HALVED
