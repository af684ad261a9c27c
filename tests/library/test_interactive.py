"""Interactive figures carry their numbers exactly, and a still picture with them."""

import base64
import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.utils import vector_to_parameters

from flowbook import figure_scripts, interactive, plots
from flowbook.coupling import AdditiveCoupling, AffineCoupling, SplineCoupling
from flowbook.densities import StandardNormal
from flowbook.elementwise import ElementwiseAffine, Logistic
from flowbook.flow import Flow
from flowbook.latent import VAE
from flowbook.likelihoods import DiscretizedLogistic, FixedGaussian
from flowbook.linear import Diagonal
from flowbook.nets import mlp
from flowbook.plots.style import PageFigure

ROOT = Path(__file__).resolve().parents[2]
MASK = torch.tensor([False, True])
GRID = torch.linspace(-2.0, 2.0, 41)
LAYERS = {
    "additive": (lambda: AdditiveCoupling(MASK, 4), [1, 4, 4, 1]),
    "affine": (lambda: AffineCoupling(MASK, 4), [1, 4, 4, 2]),
    "spline": (lambda: SplineCoupling(MASK, 4, bins=3), [1, 4, 4, 8]),
}


def still() -> PageFigure:
    """A small picture."""
    return plots.surprise(GRID, -GRID.square())


def unpacked(packed: dict) -> Tensor:
    """What `interactive.packed` wrote."""
    numbers = np.frombuffer(base64.b64decode(packed["float32"]), "<f4")
    return torch.from_numpy(numbers.copy()).reshape(packed["shape"])


def data_of(flow: Flow) -> dict:
    """The exported layers of one flow."""
    z = torch.zeros(3, 2)
    return interactive.flow_steps({"f": flow}, z, z, still()).data["flows"]["f"]


def test_the_figure_offers_html_and_both_pictures():
    figure = interactive.cobweb(1.0, 0.9, 0.0, still())
    bundle, metadata = figure._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/svg+xml", "image/png"}
    assert metadata["image/png"]["width"] > 100
    # A notebook shows the HTML: it must hold the picture too.
    assert f"data:image/png;base64,{bundle['image/png']}" in bundle["text/html"]
    found = re.search(r"<script[^>]*>(.*)</script>", bundle["text/html"])
    assert json.loads(found[1]) == figure.data


def test_no_data_can_end_the_script_element():
    figure = interactive.InteractiveFigure("cobweb", {"a": "</script><b>"}, still())
    html = figure.to_html("")
    assert html.count("</script>") == 1
    found = re.search(r"<script[^>]*>(.*)</script>", html)
    assert json.loads(found[1]) == figure.data


def test_kilobytes_are_those_of_the_script_element():
    figure = interactive.cobweb(1.0, 0.9, 0.0, still())
    found = re.search(r"<script[^>]*>(.*)</script>", figure.to_html(""))
    assert figure.kilobytes() == len(found[1]) / 1000


def test_numbers_survive_packing_to_the_last_bit_of_float32():
    numbers = torch.randn(5, 2, dtype=torch.float64)
    assert torch.equal(unpacked(interactive.packed(numbers)), numbers.float())


@pytest.mark.parametrize("name", LAYERS)
def test_a_coupling_layer_exports_its_mask_and_its_weights(name):
    make, widths = LAYERS[name]
    layer = make()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    (spec,) = data_of(Flow(StandardNormal(2), [layer]))
    assert (spec["type"], spec["copied"]) == (name, 1)
    assert spec["net"]["widths"] == widths
    weights = unpacked(spec["net"]["weights"])
    inputs, hidden, outputs = widths[0], widths[1], widths[-1]
    net = mlp(inputs, hidden, outputs)
    vector_to_parameters(weights, net.parameters())
    x = torch.randn(20, inputs)
    torch.testing.assert_close(net(x), layer.conditioner(x))


@pytest.mark.parametrize(
    "layer",
    [
        Diagonal(torch.tensor([2.0, -0.5])),
        ElementwiseAffine(torch.tensor([1.0, 3.0]), torch.tensor([2.0, -0.5])),
    ],
    ids=["diagonal", "affine"],
)
def test_a_scaling_exports_the_map_that_it_is(layer):
    (spec,) = data_of(Flow(StandardNormal(2), [layer]))
    z = torch.randn(20, 2)
    x = z * torch.tensor(spec["scale"]) + torch.tensor(spec["shift"])
    torch.testing.assert_close(x, layer(z)[0])


def test_a_layer_that_the_page_does_not_know_is_refused_by_name():
    with pytest.raises(ValueError, match="got Logistic"):
        data_of(Flow(StandardNormal(2), [Logistic()]))


def test_a_map_that_does_not_increase_is_refused():
    with pytest.raises(ValueError, match="slope > 0"):
        interactive.map_of_line(GRID, slope=0.0, bend=1.0, still=still())


def test_the_shell_holds_the_middle_half_of_the_prior():
    vae = VAE(64, 2, DiscretizedLogistic(), hidden=8)
    codes, labels = torch.randn(4, 2), torch.arange(4)
    figure = interactive.latent_plane(vae, codes, labels, torch.zeros(2), still())
    inner, outer = figure.data["shell"]
    lengths = torch.randn(100_000, 2).norm(dim=1)
    share = ((lengths > inner) & (lengths < outer)).double().mean().item()
    assert abs(share - 0.5) < 4 * 0.5 / 100_000**0.5
    assert torch.equal(unpacked(figure.data["codes"]), codes)


@pytest.mark.parametrize(
    "vae",
    [VAE(64, 3, DiscretizedLogistic(), hidden=8), VAE(64, 2, FixedGaussian(1.0))],
    ids=["three latents", "another likelihood"],
)
def test_a_model_that_has_no_latent_plane_is_refused(vae):
    with pytest.raises(ValueError, match="2 latents"):
        interactive.latent_plane(
            vae, torch.zeros(1, 2), torch.zeros(1), torch.zeros(2), still()
        )


def test_a_vae_of_other_sizes_is_refused():
    encoder, decoder = mlp(64, 8, 4, depth=1), mlp(3, 8, 64, depth=1)
    with pytest.raises(ValueError, match="3 to 64"):
        interactive.encode_draw_decode(
            encoder, decoder, torch.zeros(1, 64), torch.zeros(1), 0, still()
        )


@pytest.mark.parametrize(
    "kind",
    [
        "determinant",
        "map",
        "flow",
        "coupling",
        "cobweb",
        "drift",
        "latent",
        "vae",
        "beta",
        "distance",
    ],
)
def test_a_notebooks_scripts_are_one_element_that_ends_once(kind):
    text = figure_scripts.for_notebook(kind)
    assert text.count("<script") == text.count("</script") == 1
    assert f'.figure("{kind}"' in text
    assert figure_scripts.names(kind)[0] == "core"


def test_the_wheel_holds_the_scripts_and_every_other_file_of_data():
    present = (path for path in (ROOT / "flowbook").rglob("*") if path.is_file())
    files = {path for path in present if path.suffix not in (".py", ".pyc")}
    assert set(figure_scripts.FOLDER.rglob("*.*")) <= files
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    data = project["tool"]["setuptools"]["package-data"]["flowbook"]
    assert files == {path for each in data for path in (ROOT / "flowbook").glob(each)}


def test_a_drift_carries_its_paths_and_refuses_another_number_of_densities():
    path, log_prob = torch.randn(5, 7, 2), torch.randn(5, 7)
    data = interactive.drift(path, log_prob, still()).data
    assert torch.equal(unpacked(data["path"]), path)
    assert torch.equal(unpacked(data["log_prob"]), log_prob)
    with pytest.raises(ValueError, match=r"\(5, 7\), got \(7, 5\)"):
        interactive.drift(path, log_prob.T, still())


def test_beta_carries_codes_that_give_the_digits_back():
    x = torch.rand(100, 64, dtype=torch.float64)
    data = interactive.beta_curve(x, x[:10], 0.2, 1.5, still()).data
    vectors, codes = unpacked(data["vectors"]), unpacked(data["codes"])
    rebuilt = unpacked(data["mean"]) + codes @ vectors.T
    torch.testing.assert_close(rebuilt, x[:10].float(), atol=1e-5, rtol=0)
    variances = unpacked(data["variances"])
    assert (variances.diff() <= 0).all()
    torch.testing.assert_close(
        variances.sum(), x.var(0, correction=0).sum().float(), atol=1e-4, rtol=0
    )
    assert (data["sigma2"], data["beta"]) == (0.2**2, 1.5)


def test_a_determinant_carries_the_columns_of_a_matrix_of_the_plane():
    matrix = torch.tensor([[2.0, 1.0], [0.5, -1.5]])
    data = interactive.determinant(matrix, still()).data
    assert data == {"columns": [[2.0, 0.5], [1.0, -1.5]]}
    with pytest.raises(ValueError, match=r"\(2, 2\), got \(3, 3\)"):
        interactive.determinant(torch.eye(3), still())


def test_a_distance_starts_between_its_ends():
    data = interactive.distance(2.0, 8.0, still()).data
    assert data == {"start": 2.0, "most": 8.0}
    with pytest.raises(ValueError, match="between 0 and most; got 9"):
        interactive.distance(9.0, 8.0, still())


def test_a_coupling_carries_layers_that_copy_the_first_coordinate():
    first = AffineCoupling(torch.tensor([1, 0]), 4)
    data = interactive.coupling_layers(
        {"affine": first}, torch.tensor([0.5, -1.0]), still()
    ).data
    assert data["layers"]["affine"]["type"] == "affine"
    assert data["start"] == [0.5, -1.0]
    second = AffineCoupling(torch.tensor([0, 1]), 4)
    with pytest.raises(ValueError, match="copy the first coordinate"):
        interactive.coupling_layers({"affine": second}, torch.zeros(2), still())
