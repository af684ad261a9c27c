"""Wrong signs and factors, planted into the code of chapters one at a time."""

from typing import NamedTuple


class Error(NamedTuple):
    """What a cell says, once in the chapter, and what is written there instead."""

    right: str
    wrong: str


PLANTED: dict[str, list[Error]] = {
    "00_how_to_use": [
        Error("torch.tensor([[z[1], z[0]]", "torch.tensor([[z[0], z[1]]"),
        Error("(f(z)) @ jacrev(f)(z)\n", "(f(z)) @ -jacrev(f)(z)\n"),
        Error("return vmap(jacrev(of_one))(z)", "return -vmap(jacrev(of_one))(z)"),
        Error("second - second[0] / first[0]", "second + second[0] / first[0]"),
        Error("area = first[0] * upright[1]", "area = first[1] * upright[1]"),
        Error("shrink = 0.1 * torch", "shrink = 10.0 * torch"),
        Error("total += sign * math", "total += math"),
        Error("sum(order[i] > order[j]", "sum(order[i] < order[j]"),
        Error("row[j] -= factor", "row[j] += factor"),
        Error("factor = row[k] / pivot[k]", "factor = pivot[k] / row[k]"),
        Error("1 + 2 * (len(row)", "1 + (len(row)"),
        Error("operations += len(rows) - 1", "operations -= len(rows) - 1"),
        Error("abs().log().sum()\n", "abs().sum().log()\n"),
    ],
    "02_one_dimension": [
        Error("p_x = base_log_prob(z).exp() * 0.5", "p_x = base_log_prob(z).exp() * 2"),
        Error(
            "right = base_log_prob(-x / 2).exp() * slope",
            "right = base_log_prob(-x / 2).exp() / slope",
        ),
        Error("return x + x**3", "return x - x**3"),
        Error(
            "return base_log_prob(f_inverse(x)).exp() * (1",
            "return base_log_prob(f_inverse(x)).exp() / (1",
        ),
        Error("2 / math.sqrt(3) * torch.sinh", "math.sqrt(3) / 2 * torch.sinh"),
        Error("trapezoid(density(inside)", "trapezoid(-density(inside)"),
        Error(
            '"no slope": base_log_prob(f_inverse(x))', '"no slope": base_log_prob(x)'
        ),
        Error(
            "one_way = base_log_prob(z) + dz_dx", "one_way = base_log_prob(z) - dz_dx"
        ),
        Error(
            "other_way = base_log_prob(z) - dx_dz",
            "other_way = base_log_prob(z) + dx_dz",
        ),
        Error("bend.log_tail, math.log(1 / 3)", "bend.log_tail, math.log(3)"),
        Error("(steps[1:] - u).max()", "(steps[1:] + u).max()"),
        Error("unit.entropy() + mean_log_stretch", "unit.entropy() - mean_log_stretch"),
        Error("folded = naive + base", "folded = naive - base"),
        Error("nll = -(base_log_prob(z) + (c", "nll = -(base_log_prob(z) - (c"),
        Error(
            "a * x**3) + (c + 3 * a * x**2).log()",
            "a * x**3) - (c + 3 * a * x**2).log()",
        ),
        Error("cubic = -(p * log_cubic", "cubic = (p * log_cubic"),
        Error("unit.cdf(x + 2) + unit.cdf", "unit.cdf(x + 2) - unit.cdf"),
        Error("(p, p * x, -p * p.log())", "(p, p * x, p * p.log())"),
        Error(
            "log_prob(x.logit()).exp() / (x * (1 - x))",
            "log_prob(x.logit()).exp() * (x * (1 - x))",
        ),
    ],
    "08_reverse_kl": [
        Error("(log_a - log_b)).sum(-1) * 0.02", "(log_b - log_a)).sum(-1) * 0.02"),
        Error(".log_prob(z) - log_scale  # its", ".log_prob(z) + log_scale  # its"),
        Error("weight @ (log_q - target", "weight @ (log_q + target"),
        Error("x = mean + log_scale.exp() * z", "x = mean + (-log_scale).exp() * z"),
        Error(
            "return -log_target(flow(z)[0]).mean()",
            "return log_target(flow(z)[0]).mean() ** 2",
        ),
        Error("entropy = (log_det - base", "entropy = (-log_det - base"),
        Error("(2 * z_1d).abs().log()", "(-2 * z_1d.abs().log())"),
        Error("logsumexp(-1) - math.log(5)\n", "logsumexp(-1) + width * math.log(5)\n"),
        Error("determinant = 1 + (1 - torch", "determinant = 1 - (1 - torch"),
        Error("tanh(a) ** 2) * (w @ u)", "tanh(a)) * (w @ u)"),
        Error(
            "x = z + u * torch.tanh(a)[:, None]", "x = z - u * torch.tanh(a)[:, None]"
        ),
        Error("determinant = (1 + beta * h) ** 2", "determinant = (1 + beta * h) ** 3"),
        Error("(1 + alpha * beta * h**2)", "(1 - alpha * beta * h**2)"),
        Error("x3 = z3 + beta * h", "x3 = z3 - beta * h"),
        Error("half = (y - alpha - beta) / 2", "half = (y - alpha + beta) / 2"),
        Error("(half**2 + alpha * y).sqrt()", "(half**2 - alpha * y).abs().sqrt()"),
        Error(
            "(each.mean() + ring.log_normaliser)", "(each.mean() - ring.log_normaliser)"
        ),
        Error(
            "log_marginal = ring.log_prob(plane)",
            "log_marginal = -ring.log_prob(plane)",
        ),
        Error("1.6 * last - 0.85 * before", "1.6 * last + 0.85 * before"),
        Error(
            '"data || teacher": log_data(new) - teacher',
            '"data || teacher": log_data(new) + teacher',
        ),
    ],
    "10_log_dets_and_time": [
        Error("(-1) ** (n + 1) / n * power.trace()", "(-1) ** n / n * power.trace()"),
        Error("power = power @ J\n", "power = power * J\n"),
        Error(
            "(-1) ** (k + 1) / k * (w * v).sum(-1)",
            "(-1) ** k / k * (w * v).sum(-1)",
        ),
        Error("2 * (squares - on_diagonal)),", "2 * (squares + on_diagonal)),"),
        Error(
            "outcomes = (terms / q**n).cumsum(0)", "outcomes = (terms * q**n).cumsum(0)"
        ),
        Error("chances = (1 - q) * q**n", "chances = (1 + q) * q**n"),
        Error("(-1) ** (k + 1) / k * traces, q", "(-1) ** k / k * traces, q"),
        Error("outcomes**2 - mean**2", "outcomes**2 + mean**2"),
        Error("torch.eye(2) + h * A)", "torch.eye(2) - h * A)"),
        Error("x = x + h * A @ x", "x = x - h * A @ x"),
        Error("k2 = rates(state + h / 2 * k1", "k2 = rates(state - h / 2 * k1"),
        Error("(k1 + 2 * k2 + 2 * k3 + k4)", "(k1 + 2 * k2 + 2 * k3 - k4)"),
        Error(
            "dim1=1, dim2=2).sum(-1)[:, None]), -1)",
            "dim1=1, dim2=2).prod(-1)[:, None]), -1)",
        ),
        Error(
            "own = (banana.log_prob(new) - flow", "own = (banana.log_prob(new) + flow"
        ),
        Error(
            "excess = moons.log_prob(new) - flow", "excess = moons.log_prob(new) + flow"
        ),
        Error(
            "points @ torch.linalg.matrix_exp(turned).T",
            "points @ torch.linalg.matrix_exp(turned / 2).T",
        ),
    ],
    "11_images": [
        Error("entropy = -(shares * shares", "entropy = (shares * shares"),
        Error("independent + math.log2(h) for", "independent - math.log2(h) for"),
        Error(
            "mass = log_density.exp().mean(1)", "mass = (-log_density).exp().mean(1)"
        ),
        Error("gap = mass.log() - bound", "gap = mass.log() + bound"),
        Error("learned_gap = mass.log() - draws", "learned_gap = mass.log() + draws"),
        Error(
            "torch.tensor([-64 * math.log(17)])", "torch.tensor([64 * math.log(17)])"
        ),
        Error(
            "torch.tensor([64 * math.log(0.9)])", "torch.tensor([-64 * math.log(0.9)])"
        ),
        Error('parts["logit"] = -(v.log()', 'parts["logit"] = (v.log()'),
        Error("v = 0.05 + 0.9 * h", "v = 0.05 + 0.45 * h"),
        Error("s = ~m * 2 * torch.tanh(raw / 2)", "s = m * 2 * torch.tanh(raw / 2)"),
        Error("x = z * s.exp() + ~m * t", "x = z * (-s).exp() + ~m * t"),
        Error("seen = (m * z)", "seen = (~m * z)"),
        Error('"ij,bjp->bip"', '"ji,bjp->bip"'),
        Error("last = 9 * hidden * 2 * channels", "last = 9 * hidden * channels"),
        Error("z[:, i] - colour.seen(x)[:, i]", "z[:, i] + colour.seen(x)[:, i]"),
        Error("* colour.log_scale[c].exp()", "* (-colour.log_scale[c]).exp()"),
        Error("i = 9 * c + 3 * row + column", "i = 9 * c + 3 * column + row"),
        Error("bits = -model.bound(many", "bits = model.bound(many"),
        Error("z.square().sum(-1) / 2\n", "z.square().sum(-1) * 2\n"),
        Error("(higher[:, None] > lower)", "(higher[:, None] < lower)"),
    ],
    "12_gaussianization": [
        Error("z = Normal(0.0, 1.0).icdf(F)", "z = Normal(0.0, 1.0).icdf(1 - F)"),
        Error("density.log() - Normal(0.0, 1.0)", "density.log() + Normal(0.0, 1.0)"),
        Error("xlogy(mass, mass / width)", "xlogy(mass, mass * width)"),
        Error("cross = -(joint.flatten()", "cross = (joint.flatten()"),
        Error(
            "return Normal(0.0, 1.0).icdf(below", "return -Normal(0.0, 1.0).icdf(below"
        ),
        Error("moved = (x - shift) * (-log", "moved = (x + shift) * (-log"),
        Error("(entry, moved, x), -log_scale", "(entry, moved, x), log_scale"),
        Error("log_det = log_det + change", "log_det = log_det - change"),
        Error(
            "log_prob = StandardNormal(2).log_prob(z) + log_det",
            "log_prob = StandardNormal(2).log_prob(z) - log_det",
        ),
        Error("y = base @ L.T", "y = base @ L"),
        Error("logdet(R) - 0.5 * quadratic", "logdet(R) + 0.5 * quadratic"),
        Error("log_c = -0.5 * torch.logdet", "log_c = 0.5 * torch.logdet"),
        Error("inv(R) - torch.eye(2)", "inv(R) + torch.eye(2)"),
    ],
    "16_tighter_bounds": [
        Error(
            "    return log_joint - q.log_prob(z)",
            "    return log_joint + q.log_prob(z)",
        ),
        Error(
            "return log_w.logsumexp(0) - math.log(len(log_w))",
            "return log_w.logsumexp(0) + math.log(len(log_w))",
        ),
        Error(
            "spread[K] = log_w.logsumexp(1) - math",
            "spread[K] = log_w.logsumexp(1) + math",
        ),
        Error(
            "return log_p - math.log(draws) + 0.2",
            "return log_p + math.log(draws) + 0.2",
        ),
        Error("((-t).exp() - laplace**draws)", "((-t).exp() + laplace**draws)"),
        Error(
            "laplace = torch.exp(-t[:, None] * r)",
            "laplace = torch.exp(t[:, None] * r)",
        ),
        Error("return (probs * (r - 1) ** 2)", "return (probs * (r + 1) ** 2)"),
        Error("alpha = 0.5 / (0.5 - 0.45**2)", "alpha = 0.5 / (0.5 + 0.45**2)"),
        Error('"ELBO": 1 - rho**2', '"ELBO": 1 + rho**2'),
        Error(
            "(3 + math.sqrt(1 + 8 * rho**2)) / 4", "(3 + math.sqrt(9 - 8 * rho**2)) / 4"
        ),
        Error("gap = -0.5 * math.log", "gap = 0.5 * math.log"),
        Error(
            "((2 * wide - 1) ** 2 - rho**2)) - 1", "((2 * wide - 1) ** 2 - rho**2)) + 1"
        ),
        Error("slope_c = x - 2 * z, (x", "slope_c = x + 2 * z, (x"),
        Error("(x - 2 * z) * (z - m) + 1, x", "(x - 2 * z) * (z - m) - 1, x"),
        Error("(z - m) + 1, x - z", "(z - m) + 1, x + z"),
        Error(
            'power = 2 if kind == "doubly reparameterised" else 1',
            'power = 1 if kind == "doubly reparameterised" else 1',
        ),
        Error("path = x - 2 * z + (z - m)", "path = x - 2 * z - (z - m)"),
        Error("torch.tensor([[1.0, -1.0]])", "torch.tensor([[1.0, 1.0]])"),
    ],
    "17_hierarchies_and_codes": [
        Error("+ 1 - 0.312148", "- 1 - 0.312148"),
        Error("excess[K] = math.log(K) + math", "excess[K] = -math.log(K) + math"),
        Error("2 * S**2 - S**2 * 2 / math.pi", "2 * S**2 + S**2 * 2 / math.pi"),
        Error("gap = joint.logsumexp(1) - joint", "gap = joint.logsumexp(1) + joint"),
        Error("quantised = z + (e - z).detach()", "quantised = z - (e - z).detach()"),
        Error("moved = z.detach() - 0.1 * slope", "moved = z.detach() + 0.1 * slope"),
        Error("loss = (quantised - 0.2)", "loss = (quantised + 0.2)"),
        Error("= bits_per_dim(log_joint - q", "= bits_per_dim(log_joint + q"),
        Error("change**2 - 1 - 2 * log_change", "change**2 - 1 + 2 * log_change"),
        Error("(shift**2 / sigma**2 + change", "(shift**2 / sigma**2 - change"),
        Error("torch.tensor(-16 * math.log(K))", "torch.tensor(16 * math.log(K))"),
    ],
    "18_information": [
        Error(
            "lam * (1 - w * v) ** 2 + w**2 * s2", "lam * (1 + w * v) ** 2 + w**2 * s2"
        ),
        Error("(lam * v**2 + s2 - 1 - s2.log())", "(lam * v**2 + s2 - 1 + s2.log())"),
        Error(
            "rate = 0.5 * (variances / level).clamp(min=1).log().sum()",
            "rate = 2 * (variances / level).clamp(min=1).log().sum()",
        ),
        Error("w = (lam - theta).sqrt()", "w = (lam + theta).sqrt()"),
        Error("(distortion.mean() - CONSTANT)", "(distortion.mean() + CONSTANT)"),
        Error("(1 + w**2 / (beta * sigma2)).log()", "(1 + w**2 * beta * sigma2).log()"),
        Error(
            "at, steps = at - rate * slope(at)", "at, steps = at - 2 * rate * slope(at)"
        ),
        Error("s2 @ decoder.square().sum(0)", "s2 @ decoder.square().sum(0) * 2"),
        Error("+ s2 - 1 - 2 * log_s).sum()", "+ s2 - 1 + 2 * log_s).sum()"),
        Error("(density.entropy() - distortion,", "(density.entropy() + distortion,"),
        Error(
            "    table[name] = (density.entropy()",
            "    rate = -rate\n    table[name] = (density.entropy()",
        ),
        Error("rate = q.kl().mean()\n", "rate = -q.kl().mean()\n"),
        Error("both = eps * (1 - flip) +", "both = eps * (1 + flip) +"),
        Error("rate = math.log(2) - h(eps)", "rate = math.log(2) + h(eps)"),
        Error("torch.special.entr(p) + torch", "torch.special.entr(p) - torch"),
        Error(
            "0.5 * (turned.diagonal().log().sum() - turned.logdet())",
            "0.5 * (turned.diagonal().log().sum() + turned.logdet())",
        ),
    ],
    "19_autoencoders_and_gans": [
        Error(
            "guess = seen.detach() + 1.0**2 * score",
            "guess = seen.detach() - 1.0**2 * score",
        ),
        Error("Normal(means, math.sqrt(0.25 + 1))", "Normal(means, math.sqrt(0.25))"),
        Error("on_low, on_high = (", "on_high, on_low = ("),
        Error(
            "softplus(-logit) + log_q.exp() * softplus(logit)",
            "softplus(logit) + log_q.exp() * softplus(-logit)",
        ),
        Error("0.5 * (best + 2 * math.log(2))", "0.5 * (best - 2 * math.log(2))"),
        Error(
            "(log_p - log_q).sigmoid()).sum()\n    slopes",
            "(log_q - log_p).sigmoid()).sum()\n    slopes",
        ),
        Error(
            "slopes[d] = d * taken, d * (1 - taken)",
            "slopes[d] = d * taken, d * (1 + taken)",
        ),
        Error("(x1 - h * y1, y1 + h * x1)", "(x1 - h * y1, y1 - h * x1)"),
        Error("(x2, y2 + h * x2)", "(x2, y2 - h * x2)"),
        Error("x2 = x2 - h * y2", "x2 = x2 - 2 * h * y2"),
        Error("(1 - s) * math.log(2) +", "(1 + s) * math.log(2) +"),
        Error("s * (2 * s / (1 + s)).log()", "s * (s / (1 + s)).log()"),
        Error("(pair[0] - pair[1]).abs()", "(pair[0] + pair[1]).abs()"),
        Error(
            "critic(numbers).mean() - critic(numbers + 3)",
            "critic(numbers).mean() + critic(numbers + 3)",
        ),
    ],
    "20_one_zoo": [
        Error(
            "        variance = (1 - t) ** 2 + t**2 * s**2",
            "        variance = (1 - t) ** 2 + t * s**2",
        ),
        Error("pull = (t * s**2 - (1 - t)) /", "pull = (t * s**2 + (1 - t)) /"),
        Error("off = y[:, None] - t[..., None]", "off = y[:, None] + t[..., None]"),
        Error("log_share = -off.square()", "log_share = off.square()"),
        Error("each = centres + pull", "each = centres - pull"),
        Error("(field(x_t, t) - (x - z))", "(field(x_t, t) + (x - z))"),
        Error(
            "x_t = (1 - t) * z + t * x\n    return",
            "x_t = t * z + (1 - t) * x\n    return",
        ),
        Error("above = log_p - toy", "above = log_p + toy"),
        Error("distance = (learned - best)", "distance = (learned + best)"),
        Error("floor = (best - velocity)", "floor = (best + velocity)"),
        Error("landed = start + best_field", "landed = start - best_field"),
        Error("(y + (1 - t) * score) / t", "(y - (1 - t) * score) / t"),
        Error("denoised = y + (1 - t)", "denoised = y - (1 - t)"),
        Error("score = (t * v - x) / (1 - t)", "score = (t * v + x) / (1 - t)"),
        Error("(v + g**2 / 2 * score)", "(v - g**2 / 2 * score)"),
    ],
}
