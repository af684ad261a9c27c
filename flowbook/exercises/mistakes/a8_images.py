"""The known mistakes of assignment 8, on levels and a flow of digits, with hints."""

from flowbook.exercises.known import Known, Mistake

# --- Exercise 8.1: from levels to points ----------------------------------------------


class Noise(Known):
    """Points in boxes. The mistakes are known by the law of the points."""

    idea = "points of one level, uniform in its box"
    half = Mistake(
        "noise on half of the box",
        "The points fill the lower half of the box. Uniform on all of it: the noise "
        "goes from 0 to the width.",
    )
    unscaled = Mistake(
        "noise of width 1",
        "This noise is as wide as a box of chapter 11. Here each box has a width of "
        "its own: multiply by it.",
    )
    centred = Mistake(
        "noise around the edge",
        "Half of the points lie below e_k, in another level's box. The box begins at "
        "e_k: noise from 0 to the width.",
    )
    upper = Mistake(
        "the upper edge for the lower",
        "These points are in the next box: level k has its box above e_k.",
    )
    other = Mistake(
        "the width of another box",
        "Box k has the width e_(k+1) - e_k. This is the width of the box below.",
    )
    ignored = Mistake(
        "levels for light",
        "These points are at k + u. The level is the number of a box; where the box "
        "lies, the edges say.",
    )
    equal = Mistake(
        "boxes of equal width",
        "This is (k + u)/K, right where all boxes are alike. Here the edges say where "
        "a box lies.",
    )
    normal = Mistake(
        "normal noise",
        "randn leaves the box. Uniform numbers between 0 and 1 come from torch.rand.",
    )
    no_noise = Mistake(
        "no noise",
        "All points of this level are the same. Add noise that is new for each pixel.",
    )
    batch = Mistake(
        "one noise for the whole batch",
        "All images have the same noise. Draw noise of the shape of the levels.",
    )
    row = Mistake(
        "one noise for all pixels",
        "All pixels of an image have the same noise. Draw noise of the shape of the "
        "levels.",
    )


class Draws(Known):
    """Where the noise comes from. The mistakes are known by what repeats."""

    idea = "the noise, new in each call and from the generator"
    leaks = Mistake(
        "leaking seed",
        "A seed was set for everybody, so each call draws the same and so does all "
        "other code. Give torch.rand the generator, set no seed.",
    )
    shared = Mistake(
        "the global generator",
        "The noise came from torch's own generator: rand(..., generator=generator). "
        "rand_like may not know that option.",
    )
    fixed = Mistake(
        "fixed noise",
        "Draw from the generator that is handed over, as it stands: set no seed, make "
        "no generator of your own.",
    )
    no_noise = Noise.no_noise
    own = Mistake(
        "noise that no seed decides",
        "Only the generator that is handed over may decide about the noise.",
    )


class LogQ(Known):
    """The density of the noise."""

    idea = "log q, the log-density of the points in their boxes"
    sign = Mistake(
        "sign of log q",
        "These are the logarithms of the widths. A density on a narrow box is high: "
        "log q is minus their sum.",
    )
    flat = Mistake(
        "log q = 0",
        "That holds for boxes of width 1. A density on a box of width w is 1/w, so "
        "that it integrates to one.",
    )
    averaged = Mistake(
        "mean over the pixels",
        "The pixels' noises are independent: their log-densities add up.",
    )
    summed = Mistake(
        "sum over the batch",
        "One number for each image is asked for; this is their sum.",
    )
    no_log = Mistake(
        "logarithm forgotten",
        "These are sums of densities. Take the logarithm of each pixel's, then add.",
    )
    widths = Mistake(
        "widths for their logarithms",
        "This is minus the sum of the widths. The density is 1/w, log q the sum of "
        "-log w.",
    )
    edge = Mistake(
        "edges for widths",
        "The logarithm is taken of the lower edges. A density on [a, b) is 1/(b - a).",
    )
    whole = Mistake(
        "one box for all levels",
        "This is the density on [e_0, e_K), the same for all images. Each pixel's "
        "noise is in its own box.",
    )
    batch = Mistake(
        "log q of all images for each",
        "Each number is the sum over the whole batch. Add up over the last axis alone.",
    )


# --- Exercise 8.2: to the line and back -----------------------------------------------


class Line(Known):
    """Where the logit sends pixels."""

    idea = "z, the logit of v"
    sixteen = Mistake(
        "divided by 16",
        "With noise on them pixels reach up to K, not K - 1: divide by K, or v passes "
        "1 - alpha.",
    )
    once = Mistake(
        "alpha at one end only",
        "This is alpha + (1 - alpha) x/K, which reaches 1. Both ends are cut: "
        "1 - 2 alpha.",
    )
    no_alpha = Mistake(
        "alpha forgotten",
        "This is the logit of x/K. alpha keeps 0 and K finite.",
    )
    turned = Mistake(
        "logit upside down",
        "This is log((1 - v)/v), of the other sign.",
    )
    only_v = Mistake(
        "logit forgotten",
        "This is v, between 0 and 1. The line is reached by its logit.",
    )
    logistic = Mistake(
        "logistic for logit",
        "This is sigmoid(v). The way to the line is its inverse, log(v/(1 - v)).",
    )
    only_log = Mistake(
        "only the logarithm of v",
        "This is log v, which is below 0. The logit is log v - log(1 - v).",
    )


class LineDet(Known):
    """The log-determinant of the way to the line."""

    idea = "log|det dz/dx|"
    alpha = Mistake(
        "alpha term forgotten",
        "v has the slope (1 - 2 alpha)/K in x: the sum of log(1 - 2 alpha) is missing.",
    )
    units = Mistake(
        "D log K forgotten",
        "x is divided by K, pixel by pixel: -log K is missing, once for each pixel.",
    )
    one_unit = Mistake(
        "log K counted once",
        "Each of the D pixels is divided by K, so -log K counts D times.",
    )
    sixteen = Mistake(
        "divided by 16",
        "With noise on them pixels reach up to K, not K - 1: x is divided by K.",
    )
    logit = Mistake(
        "the logit's part forgotten",
        "The logit has the slope 1/(v (1 - v)), which is different for every image. "
        "It is missing.",
    )
    logit_sign = Mistake(
        "sign of the logit's part",
        "The logit stretches most near the ends: its slope is 1/(v (1 - v)), not "
        "v (1 - v).",
    )
    half = Mistake(
        "half of the logit's part",
        "This has -log v alone. The slope of the logit is 1/(v (1 - v)).",
    )
    back = Mistake(
        "log_det of the way back",
        "This is log|det dx/dz|. The map just applied goes from x to z.",
    )
    averaged = Mistake(
        "mean over the pixels",
        "The Jacobian is diagonal: the logarithms of its D entries add up.",
    )
    summed = Mistake(
        "sum over the batch",
        "One number for each image is asked for; this is their sum.",
    )
    at_x = Mistake(
        "v (1 - v) at x/K",
        "The logit's slope is taken at x/K. It is that at v, with alpha in it.",
    )
    one_alpha = Mistake(
        "D times the first alpha's term",
        "Every pixel has an alpha of its own: add up log(1 - 2 alpha_i) over them.",
    )


class Pixels(Known):
    """The way back: the pixels, and their log-determinant."""

    value = "x, the pixels"
    idea = "log|det dx/dz|"
    alpha = Mistake(
        "alpha term forgotten",
        "x is (v - alpha) K/(1 - 2 alpha): the sum of -log(1 - 2 alpha) is missing.",
    )
    units = Mistake(
        "D log K forgotten",
        "Each pixel is multiplied by K: log K is missing, once for each pixel.",
    )
    one_unit = LineDet.one_unit
    sixteen = Mistake(
        "times 16",
        "The way to the line divides by K. The way back multiplies by K, not K - 1.",
    )
    back = Mistake(
        "log_det of the way to the line",
        "This is log|det dz/dx|. The map just applied goes from z to x.",
    )
    averaged = LineDet.averaged
    logit_sign = Mistake(
        "sign of the logistic's part",
        "The logistic is flat far out: its slope s(z) s(-z) is small there, and its "
        "logarithm below 0.",
    )
    no_alpha = Mistake(
        "alpha not undone",
        "This is K v. On the way there alpha was added: x = (v - alpha) K/(1 - 2 "
        "alpha).",
    )
    no_shift = Mistake(
        "alpha not subtracted",
        "This is K v/(1 - 2 alpha). On the way there alpha was added: subtract it "
        "first.",
    )
    unit = Mistake(
        "pixels between 0 and 1",
        "These pixels end at 1. They are asked for in [0, K).",
    )
    half = Mistake(
        "half of the logistic's part",
        "This has log s(z) alone. The slope of the logistic is s(z) s(-z).",
    )


class Far(Known):
    """The log-determinant of the way back, far out."""

    idea = "log|det dx/dz| for z of a hundred"
    product = Mistake(
        "logarithm of 0",
        "v (1 - v) is 0 there, and its logarithm infinite. Stay in logarithms: "
        "logsigmoid(z) + logsigmoid(-z).",
    )
    clamped = Mistake(
        "kept away from 0",
        "A bound inside the logarithm makes all far z alike. The true slope falls as "
        "exp(-|z|): logsigmoid(z) + logsigmoid(-z).",
    )
    overflow = Mistake(
        "exp of a hundred",
        "exp(|z|) is infinite here. log(1 + e^z) is softplus(z), or logsigmoid: it "
        "takes care.",
    )
    back = Pixels.back
    averaged = Pixels.averaged
    alpha = Pixels.alpha
    units = Pixels.units
    one_unit = Pixels.one_unit
    sixteen = Pixels.sixteen
    logit_sign = Pixels.logit_sign
    half = Pixels.half


# --- Exercise 8.3: every bit of it ----------------------------------------------------


class Bits(Known):
    """What an image costs."""

    idea = "bits per dimension of each image"
    units = Mistake(
        "D log K forgotten",
        "The division by K is a layer too: its log_det, -D log K, is missing. (For 17 "
        "levels it is 4.087 bits per dimension.)",
    )
    units_sign = Mistake(
        "sign of D log K",
        "Division by K shrinks: its log_det is -D log K. Being uniform on [0, K)^D "
        "costs +log2 K per dimension.",
    )
    one_unit = Mistake(
        "log K counted once",
        "Each of the D pixels is divided by K: its log_det is -D log K.",
    )
    sixteen = Mistake(
        "16 for 17",
        "Levels and noise fill [0, K), and are divided by K: not by K - 1.",
    )
    nats = Mistake(
        "log 2 forgotten",
        "These are nats per dimension. One bit is log 2 nats: divide by log 2.",
    )
    times = Mistake(
        "times log 2",
        "One bit is log 2 = 0.693 nats, so there are more bits than nats: divide.",
    )
    image = Mistake(
        "bits per image",
        "These are the bits of the whole image. Divide by the number of its pixels.",
    )
    no_q = Mistake(
        "log q forgotten",
        "The bound is the mean of log p - log q. Only noise that is uniform on [0, 1) "
        "has log q = 0.",
    )
    q_sign = Mistake(
        "sign of log q",
        "The bound is log p - log q: noise that is narrow has a high density, and "
        "must not be rewarded for it.",
    )
    sign = Mistake(
        "minus the cost",
        "Probable images cost little: bits are minus the bound.",
    )
    averaged = Mistake(
        "mean over the batch",
        "One number for each image is asked for; this is their mean.",
    )
    constant = Mistake(
        "constant of the base forgotten",
        "The base is N(0, I), with log(2 pi)/2 for each dimension.",
    )
    one_constant = Mistake(
        "constant of the base counted once",
        "Each of the D dimensions of the base has log(2 pi)/2.",
    )
    det_sign = Mistake(
        "sign of the log_dets",
        "log p(x) is the base's log-density at z PLUS log|det dz/dx|: the layers go "
        "from x to z already.",
    )
    no_det = Mistake(
        "log_dets forgotten",
        "Each layer returns its log_det: all of them belong into log p(x).",
    )
    last_det = Mistake(
        "the last log_det alone",
        "Only the last layer's log_det is counted. Those of all layers add up.",
    )
    no_noise = Mistake(
        "noise forgotten",
        "The layers got the bare levels. The density is asked at levels + noise.",
    )
    unit_noise = Mistake(
        "noise not divided",
        "This is levels/K + noise. The noise is that of a level: divide the sum by K.",
    )
    undivided = Mistake(
        "not divided by K",
        "The layers got numbers up to K. They expect pixels between 0 and 1.",
    )
    no_half = Mistake(
        "one half of the base forgotten",
        "The log-density of N(0, I) has z^2 / 2, not z^2.",
    )
    mean_base = Mistake(
        "mean over the pixels",
        "The base's log-density is a mean over the dimensions here. It is their sum, "
        "as log_det is; the division by D comes at the end.",
    )
    at_x = Mistake(
        "the base at the pixels",
        "The base's log-density is taken at the pixels. Take it at what the last layer "
        "returns, z.",
    )
    backwards = Mistake(
        "layers from the last to the first",
        "The pixels go into the first layer of the list.",
    )


# --- Exercise 8.4: a flow of digits ---------------------------------------------------


class Ways(Known):
    """A flow: two ways and a Jacobian."""

    idea = "log_det of three images, against the Jacobian of to_base"
    back = "to_image(z) for z = to_base(x)"
    turned = Mistake(
        "log_det of the way back",
        "This is log|det dx/dz|, minus what is asked for: to_base goes from x to z.",
    )
    seventeen = Mistake(
        "D log 17 forgotten",
        "The division by 17 belongs to the way from x to z: -64 log 17.",
    )
    constant = Mistake(
        "a constant forgotten",
        "It is wrong by the same number for all images: a fixed step, like 1 - 2 "
        "alpha, 17, or the standard deviations, is missing or has the wrong sign.",
    )
    varying = Mistake(
        "a part that varies",
        "It is wrong by another number for each image. Look at the logit's part, and "
        "at the sign of each s: (h - t) e^-s adds -s.",
    )
    jumps = Mistake(
        "not what autograd sees",
        "A part of to_base is detached, under no_grad, or jumps; or it depends on the "
        "batch. Autograd must see all of the way from x to z.",
    )
    not_finite = Mistake(
        "no numbers",
        "With noise x comes up to 17: divided by less, or without alpha, v reaches 1. "
        "Without noise some pixels have the deviation 0. Or the training ran away.",
    )
    units = Mistake(
        "pixels between 0 and 1",
        "to_image returns x/17. Asked for is x itself, in levels: the division is "
        "undone too.",
    )
    astray = Mistake(
        "not the way back",
        "Undo the steps from the last to the first, each with the half that it has "
        "copied: x = z e^s + t undoes z = (x - t) e^-s.",
    )


class Price(Ways):
    """What a training reaches. The mistakes are known by what they lead to."""

    cost = "bits per dimension of other images"
    squeezed = Mistake(
        "the Jacobian is not in the loss",
        "All z are near 0: nothing stops the flow from shrinking. The loss is minus "
        "(log N(z) + log_det).",
    )
    averaged = Mistake(
        "mean over the pixels",
        "z is far too large: in the loss the base counts less than log_det. Both are "
        "sums over 64 pixels, and only then a mean over images.",
    )
    memorised = Mistake(
        "the same rows in every step",
        "The first images cost far less than others. Draw new rows, from all of the "
        "images, in every step.",
    )
    half = Mistake(
        "noise on half of the box",
        "This flow expects points in the lower half of each box. Train with noise on "
        "[0, 1).",
    )
    centred = Mistake(
        "noise around the level",
        "This flow expects points around the levels. Level k has the box [k, k + 1): "
        "train with noise on [0, 1).",
    )
    bare = Mistake(
        "no noise in the training",
        "This flow has its density at whole numbers, and little between them. Add new "
        "noise on [0, 1) in each step.",
    )
    little = Mistake(
        "learned too little",
        "No known slip fits. Do the halves take turns, do all networks learn? Is there "
        "a zero_grad, backward and step each time? Are the rates the recipe's?",
    )


class LowPrice(Price):
    """What a training reaches that is nearly right."""
