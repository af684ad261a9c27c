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
    "01_densities": [
        Error("log_prob(y / 100).exp() / 100", "log_prob(y / 100).exp() * 100"),
        Error("function(centres).sum() * width", "function(centres).mean() * width"),
        Error("surprise + math.log(width)", "surprise - math.log(width)"),
        Error(
            "return -integrate(lambda x: log_prob",
            "return integrate(lambda x: log_prob",
        ),
        Error("return target_log_prob(x) - model", "return target_log_prob(x) + model"),
        Error("(q.scale / p.scale).log()", "(p.scale / q.scale).log()"),
        Error("p.scale**2 + (p.loc", "p.scale**2 - (p.loc"),
        Error(
            "lambda x: -target_log_prob(x).exp()", "lambda x: target_log_prob(x).exp()"
        ),
        Error("math.log(8 * 2 * math.pi", "math.log(2 * math.pi"),
        Error("math.pi) - 2 * log_r", "math.pi) - log_r"),
        Error("(p * stretch * area)", "(p / stretch * area)"),
        Error("(density.entropy() - below)", "(density.entropy() + below)"),
        Error("mass.sum(1 - i)", "mass.sum(i)"),
        Error("8 * row + column", "8 * column + row"),
        Error("return -u.sign() * ", "return "),
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
    "03_many_dimensions": [
        Error("second * s(first).exp() + t", "second * (-s(first)).exp() + t"),
        Error("return x, s(first)", "return x, -s(first)"),
        Error("x * y.roll(-1) - x.roll(-1) * y", "x * y.roll(-1) + x.roll(-1) * y"),
        Error("(z) - math.log(e_to_s)", "(z) + math.log(e_to_s)"),
        Error("return z, -s(first)", "return z, s(first)"),
        Error('"multiplied": (base - log_det)', '"multiplied": (base + log_det)'),
        Error("total = total + log_det", "total = total - log_det"),
        Error("return z, third + second + first", "return z, third + second - first"),
        Error(
            "J1.inverse() @ J2.inverse() @ J3.inverse()",
            "J3.inverse() @ J2.inverse() @ J1.inverse()",
        ),
        Error("log_scale.exp() + shift), -1)", "log_scale.exp() - shift), -1)"),
        Error("flow.base.log_prob(z) - total", "flow.base.log_prob(z) + total"),
        Error("charge = log_scale", "charge = -log_scale"),
        Error("log_prob - flow.log_prob(x))", "log_prob + flow.log_prob(x))"),
        Error("log_prob(z - mean) + log_det", "log_prob(z - mean) - log_det"),
        Error("moons.log_prob(x) + log_det", "moons.log_prob(x) - log_det"),
    ],
    "04_linear": [
        Error("return z @ A.T + b, slogdet(A)", "return z @ A + b, slogdet(A)"),
        Error(
            "b, slogdet(A).logabsdet.expand(len(z))",
            "b, -slogdet(A).logabsdet.expand(len(z))",
        ),
        Error("after[:, 1] - corners[:, 1]", "after[:, 1] + corners[:, 1]"),
        Error("(points - mean) / len(points)", "(points - mean) / (len(points) - 1)"),
        Error("expected = A @ mean + b", "expected = A @ mean - b"),
        Error("log_prob(back) - slogdet(A)", "log_prob(back) + slogdet(A)"),
        Error("+ spread + offset)", "+ spread - offset)"),
        Error("2 * math.pi * math.e * S)", "2 * math.pi * S)"),
        Error(
            "(mass[:, None] * (x - mean)).T @ (x - mean)", "(mass[:, None] * x).T @ x"
        ),
        Error("P = torch.eye(4)[order]", "P = torch.eye(4)[:, order]"),
        Error("rest -= row[j] * z[j]", "rest += row[j] * z[j]"),
        Error("z.append(rest / row[i])", "z.append(rest * row[i])"),
        Error("torch.eye(5) - 2 * torch.outer", "torch.eye(5) - torch.outer"),
        Error("matrix - 2 * torch.outer(matrix @ v", "matrix - torch.outer(matrix @ v"),
        Error("solve_triangular(L, P.T @ x.T", "solve_triangular(L, P @ x.T"),
        Error(
            "factor = matrix[1, 0] / matrix[0, 0]",
            "factor = matrix[0, 0] / matrix[1, 0]",
        ),
        Error(
            "log_det = diagonal.abs().log().sum()",
            "log_det = -diagonal.abs().log().sum()",
        ),
        Error("compact.tril(-1) + torch.eye(6)", "compact.tril(-1) - torch.eye(6)"),
        Error("operations += 1 + 2 * (len(rows)", "operations += 1 + (len(rows)"),
    ],
    "05_elementwise": [
        Error("torch.where(z < 0, 0.1 * z, z)", "torch.where(z < 0, 10.0 * z, z)"),
        Error("10.0 ** (z < 0).sum(-1)", "0.1 ** (z < 0).sum(-1)"),
        Error("torch.where(x < 0, 10.0, 1.0)", "torch.where(x < 0, 1.0, 10.0)"),
        Error("knots[b] + (K * z - b)", "knots[b] - (K * z - b)"),
        Error("(b + (x - knots[b]) / phi[b])", "(b + (x - knots[b]) * phi[b])"),
        Error("determinant = (K * rises", "determinant = (rises"),
        Error("best, reached = -(shares", "best, reached = (shares"),
        Error(
            "even.sqrt().diff(), even.square().diff()",
            "even.square().diff(), even.sqrt().diff()",
        ),
        Error("(bins * widths).log().mean()", "-(bins * widths).log().mean()"),
        Error("p = u * (u + e0 * v)", "p = u * (u + e1 * v)"),
        Error("q = p + v * (v + e1 * u)", "q = p - v * (v + e1 * u)"),
        Error("u * v + e0 * v**2) / q**2", "u * v + e0 * v**2) / q"),
        Error("mean = height / width\n", "mean = width / height\n"),
        Error("- e1 * r\n    total", "+ e1 * r\n    total"),
        Error("total, 2 * (1 - r))", "total, 2 * (1 + r))"),
        Error("(logsigmoid(z) + logsigmoid(-z))", "(logsigmoid(z) - logsigmoid(-z))"),
        Error("return below.log() - above.log()", "return below.log() + above.log()"),
        Error("torch.where(too_low, middle, low)", "torch.where(too_low, low, middle)"),
        Error("+ x * self.straight.exp()", "- x * self.straight.exp()"),
    ],
    "06_coupling": [
        Error(
            "(z[..., a]).chunk(2, -1)\n    moved = z[..., b] * log_scale",
            "(z[..., a]).chunk(2, -1)\n    moved = z[..., b] * -log_scale",
        ),
        Error(
            "(x[..., b] - shift) * (-log_scale)", "(x[..., b] + shift) * (-log_scale)"
        ),
        Error("[..., back], -log_scale.sum(-1)", "[..., back], log_scale.sum(-1)"),
        Error("torch.tensor(a + b).argsort()", "torch.tensor(b + a).argsort()"),
        Error("half_mask(2 * d, k)", "half_mask(2 * d, 0)"),
        Error("[flip, layer, Inverse(flip)]", "[flip, layer]"),
        Error("x * torch.tensor([1.0, 2.0])", "x * torch.tensor([1.0, 0.5])"),
        Error("before_scaling - torch.stack", "before_scaling + torch.stack"),
        Error(
            "StandardNormal(2).log_prob(z) + math.log(2)",
            "StandardNormal(2).log_prob(z) - math.log(2)",
        ),
        Error("math.log(2) - (r**2).log()", "math.log(2) + (r**2).log()"),
        Error("math.pi / 4 * short / long", "math.pi / 2 * short / long"),
        Error("arc = 2 * long[..., None]", "arc = long[..., None]"),
        Error(
            "math.log(2 * math.pi) - math.log(4 * c)",
            "math.log(2 * math.pi) + math.log(4 * c)",
        ),
        Error("z.square().sum(1).mean() / 2", "z.square().sum(1).mean()"),
        Error("torch.lgamma(half + 1) + half", "torch.lgamma(half + 1) - half"),
    ],
    "07_autoregressive": [
        Error("Normal(shift, log_scale.exp())", "Normal(shift, (-log_scale).exp())"),
        Error("* math.exp(0.5) + 0.5", "* math.exp(0.5) - 0.5"),
        Error(
            "(0.4 * first.cos()).exp() + first**2",
            "(0.4 * first.cos()).exp() - first**2",
        ),
        Error(
            "log_scale_and_shift(x)\n    return (x - shift)",
            "log_scale_and_shift(x)\n    return (x + shift)",
        ),
        Error("hidden[:, None] >= entries", "hidden[:, None] > entries"),
        Error("entries[:, None] > hidden", "entries[:, None] >= hidden"),
        Error("value @ (self.weight * self.mask).T", "value @ self.weight.T"),
        Error("return 5 * torch.tanh(raw / 5)", "return 5 * torch.tanh(raw)"),
        Error("(torch.zeros(len(x), 1), x[:, :-1])", "(x[:, :1], x[:, 1:])"),
        Error(
            "later = entries[:, None] < entries", "later = entries[:, None] > entries"
        ),
        Error(
            "= conditioner(x)\n    return (x - shift)",
            "= conditioner(x)\n    return (x + shift)",
        ),
        Error(
            "torch.where(entry, z * log_scale.exp() + shift",
            "torch.where(entry, z * log_scale.exp() - shift",
        ),
        Error(
            "StandardNormal(8).log_prob(z8) - log_det",
            "StandardNormal(8).log_prob(z8) + log_det",
        ),
        Error("given @ second**2 - (given", "given @ second**2 + (given"),
        Error("kappa = 2 * second[:, None] - 0.5", "kappa = 2 * second[:, None] + 0.5"),
        Error("first**2 - first**4 / 2", "first**2 - first**4"),
        Error("(top - 2 * second**2).exp()", "(top - second**2).exp()"),
        Error(
            "0.5 * math.log(3) + 0.5 * mean_log", "0.5 * math.log(3) - 0.5 * mean_log"
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
    "09_contraction_mappings": [
        Error("x1 = z1 + f1(z2)", "x1 = z1 - f1(z2)"),
        Error("x2 = z2 + f2(x1)", "x2 = z2 + f2(z1)"),
        Error("swapped[0] + f(swapped[1])", "swapped[0] - f(swapped[1])"),
        Error("gradient = x.cos()", "gradient = -x.cos()"),
        Error("x = pair.inverse(x)[0].detach()", "x = pair(x)[0].detach()"),
        Error(
            "visited.append(1 - beta * math.sin(visited[-1]))",
            "visited.append(1 + beta * math.sin(visited[-1]))",
        ),
        Error("bound = beta**k / (1 - beta)", "bound = beta**k / (1 + beta)"),
        Error("errors = 1 / (1 - beta), 0.0", "errors = 1 / (1 + beta), 0.0"),
        Error("z = x - A @ z", "z = x + A @ z"),
        Error("copy_(0.9 * turn)", "copy_(1.9 * turn)"),
        Error("step = x - guess - g(guess)", "step = x - guess + g(guess)"),
        Error("step = 1 + 0.99 * z_k - z_k", "step = 1 - 0.99 * z_k - z_k"),
        Error("arrows(z, length) / n", "arrows(z, length)"),
        Error("torch.eye(2) + field / n", "torch.eye(2) - field / n"),
        Error("v = A.T @ (A @ v)", "v = A @ (A @ v)"),
        Error(
            "math.sqrt(3 + math.sqrt(5)), math.sqrt(3 - math.sqrt(5))",
            "math.sqrt(3 - math.sqrt(5)), math.sqrt(3 + math.sqrt(5))",
        ),
    ],
    "10_log_dets_and_time": [
        Error("(-1) ** (n + 1) / n * power.trace()", "(-1) ** n / n * power.trace()"),
        Error("power = power @ J\n", "power = power * J\n"),
        Error(
            "(-1) ** (k + 1) / k * (w * v).sum(-1)", "(-1) ** k / k * (w * v).sum(-1)"
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
    "13_latent_variables": [
        Error("return -math.log(K) - squares", "return math.log(K) - squares"),
        Error("- math.log(2 * math.pi * s**2)", "- math.log(2 * math.pi * s)"),
        Error(
            "(log_joint(x) - log_prob[:, None])", "(log_joint(x) + log_prob[:, None])"
        ),
        Error("- model.means) / s**2", "- model.means) / s"),
        Error("math.log((s**2 + d**2 / 8)", "math.log((s**2 + d**2 / 4)"),
        Error(
            "relative = (log_likelihood - log_joint",
            "relative = (log_likelihood + log_joint",
        ),
        Error(
            "chi_square = (posterior**2 / prior).sum() - 1",
            "chi_square = (posterior**2 / prior).sum() + 1",
        ),
        Error("log_terms = -(x[:, None] - at)", "log_terms = (x[:, None] - at)"),
        Error("(posterior + prior) / 2", "posterior + prior"),
        Error("ratio = posterior / q", "ratio = q / posterior"),
        Error("(2 * log_p - log_q).exp()", "(2 * log_p + log_q).exp()"),
        Error("log_weights = log_p_xz - Normal", "log_weights = log_p_xz + Normal"),
        Error("return -((y - 1) ** 4) + Normal", "return -((y + 1) ** 4) + Normal"),
        Error(
            "q.log_prob(y)).exp(), y) - value**2", "q.log_prob(y)).exp(), y) + value**2"
        ),
        Error("first_order = -(q * r**2", "first_order = (q * r**2"),
        Error("chi = (q * r**2).sum() - 1", "chi = (q * r**2).sum() + 1"),
        Error("total = (n - count) * r[0]", "total = (n + count) * r[0]"),
        Error(
            "- prior.log() - log_joint(point).logsumexp(1)  #",
            "+ prior.log() - log_joint(point).logsumexp(1)  #",
        ),
    ],
    "14_elbo": [
        Error(
            "mean + log_std.exp() * torch.randn_like",
            "mean + (-log_std).exp() * torch.randn_like",
        ),
        Error("x * logits - softplus(logits)", "x * logits + softplus(logits)"),
        Error(
            "prior.log_prob(z) + Normal(z, 1.0).log_prob(x)\n",
            "prior.log_prob(z) - Normal(z, 1.0).log_prob(x)\n",
        ),
        Error("Normal(x / 2, math.sqrt(0.5))\n", "Normal(x / 2, 0.5)\n"),
        Error("log_w = log_joint - q", "log_w = log_joint + q"),
        Error("log_prob(x) - (a * s) ** 2 / 2", "log_prob(x) + (a * s) ** 2 / 2"),
        Error("(1 + a**2) ** -0.5", "(1 + a**2) ** 0.5"),
        Error(
            "Normal(m, 1.0).log_prob(x) - s2 / 2", "Normal(m, 1.0).log_prob(x) + s2 / 2"
        ),
        Error("prior.log_prob(m) - s2 / 2", "prior.log_prob(m) - s2"),
        Error("code = c * data + eps", "code = c * (data + eps)"),
        Error(
            "Normal(q.mean, 1.0).log_prob(x) - q.variance / 2",
            "Normal(q.mean, 1.0).log_prob(x) - q.variance",
        ),
        Error("held = m.detach()", "held = m"),
        Error("(m**2 + s**2 - 1 - (s**2).log())", "(m**2 + s**2 - 1 + (s**2).log())"),
        Error(
            "(prior.log_prob(z) + 2 * log_likelihood)",
            "(prior.log_prob(z) + log_likelihood)",
        ),
        Error("c).log() + eigenvalues / c)", "c).log() - eigenvalues / c)"),
        Error("-error / (2 * 0.4**2) - 64", "-error / (2 * 0.4**2) + 64"),
        Error(
            "precision = torch.eye(8) + W.T @ W / 0.4**2",
            "precision = torch.eye(8) + W.T @ W / 0.4",
        ),
        Error("W @ W.T + 0.4**2 * torch.eye(64)", "W @ W.T + 0.4 * torch.eye(64)"),
    ],
    "15_gradients": [
        Error("return (z - target)", "return (z + target)"),
        Error("exact = 2 * (mean - target)", "exact = 2 * (target - mean)"),
        Error("rows = values[:, None] * noise", "rows = values[:, None] * -noise"),
        Error(
            "2 * a * (d + 4) + (d + 2) * (d + 4)", "2 * a * (d + 2) + (d + 2) * (d + 4)"
        ),
        Error("(d + 4) + 4 * delta[j] ** 2", "(d + 4) - 4 * delta[j] ** 2"),
        Error("others = pairs[0].flip(1)", "others = pairs[0]"),
        Error("plain - (2 * d + 2) ** 2", "plain - (2 * d) ** 2"),
        Error(
            "log_prob(torch.tensor(1.0)).exp()\nrows",
            "log_prob(torch.tensor(0.0)).exp()\nrows",
        ),
        Error("torch.eye(3)[z] - probs", "torch.eye(3)[z] + probs"),
        Error("gumbel = -(-uniform.log()).log()", "gumbel = (-uniform.log()).log()"),
        Error("(soft @ reward)[:, None]) / tau", "(soft @ reward)[:, None]) * tau"),
        Error("(1 - z) + (z - m) / s**2  #", "(1 - z) - (z - m) / s**2  #"),
        Error("log_w = log_w - Normal(m, s)", "log_w = log_w + Normal(m, s)"),
        Error("(1 - z) - m, along_z", "(1 - z) + m, along_z"),
        Error("(layer(grid)[0] - 2).square()", "(layer(grid)[0] + 2).square()"),
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
