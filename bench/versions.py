"""Training steps of this tree against those of another checkout, in one process.

    git worktree add /tmp/before HEAD~1
    python bench/versions.py /tmp/before [--rounds 21] [--steps 20] [--batch 512]

What a change costs is a few per cent, less than a busy machine is off from one minute
to the next. Both versions therefore take turns in every round, as in `steps.py`, and
the median over rounds of the ratio of CPU times, after over before, is printed.
"""

import argparse
import importlib
import statistics
import sys
from collections.abc import Callable
from types import SimpleNamespace

import torch
from steps import BINS, HIDDEN, LAYERS, ORDERS, Racer, race
from torch import Tensor, nn

NAMES = "autoregressive contractive coupling densities flow latent likelihoods linear"
MODULES = NAMES.split()


def version(root: str) -> SimpleNamespace:
    """Import flowbook from `root`, next to any version that is imported already."""
    for name in [name for name in sys.modules if name.split(".")[0] == "flowbook"]:
        del sys.modules[name]
    sys.path.insert(0, root)
    importlib.invalidate_caches()
    found = {name: importlib.import_module(f"flowbook.{name}") for name in MODULES}
    sys.path.remove(root)
    return SimpleNamespace(**found)


def flow(book: SimpleNamespace, make: Callable[[int], nn.Module]) -> Racer:
    model = book.flow.Flow(book.densities.StandardNormal(2), map(make, range(LAYERS)))
    return model, model.log_prob


def vae(book: SimpleNamespace) -> Racer:
    likelihood = book.likelihoods.DiscretizedLogistic()
    model = book.latent.VAE(64, 8, likelihood, HIDDEN, shift=8, scale=8)
    return model, model.elbo


def racers(book: SimpleNamespace) -> dict[str, Racer]:
    masks = [book.coupling.alternating_mask(2, i) for i in range(LAYERS)]
    hidden = (HIDDEN, HIDDEN)

    def residual(i: int) -> nn.Module:
        net = book.contractive.contractive_mlp(2, HIDDEN)
        return book.contractive.ContractiveResidual(net)

    return {
        "activation normalisation": flow(book, lambda i: book.linear.ActNorm(2)),
        "affine coupling": flow(
            book, lambda i: book.coupling.AffineCoupling(masks[i], HIDDEN)
        ),
        "spline coupling": flow(
            book, lambda i: book.coupling.SplineCoupling(masks[i], HIDDEN, BINS)
        ),
        "MAF": flow(
            book,
            lambda i: book.autoregressive.AffineAutoregressive(
                2, hidden, ORDERS[i % 2]
            ),
        ),
        "contractive inverse": flow(book, residual),
        "VAE": vae(book),
    }


def points(kind: str, batch: int) -> Tensor:
    if kind == "VAE":
        return torch.randint(17, (batch, 64)).float()
    return torch.randn(batch, 2)


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("before", help="the root of the other checkout")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, nargs="+", default=[512])
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    books = {"before": version(options.before), "after": version(".")}
    made = {name: racers(book) for name, book in books.items()}
    print("| model | batch | before, ms | after, ms | after over before |")
    print("|---|---|---|---|---|")
    for batch in options.batch:
        for kind in made["after"]:
            data = points(kind, batch)
            few = 2 if kind.startswith("contractive") else options.steps
            pair = {name: each[kind] for name, each in made.items()}
            times = race(pair, data, options.rounds, few)
            ratios = [a / b for b, a in zip(*times.values(), strict=True)]
            cells = [f"{1000 * statistics.median(each):.2f}" for each in times.values()]
            ratio = f"{statistics.median(ratios):.3f}"
            print(f"| {kind} | {batch} | {' | '.join(cells)} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
