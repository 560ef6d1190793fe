import torch

from cineclr.data.bags import make_mask, pad_bags
from cineclr.models.attention import StudyModel

COUNTS = [3, 1, 5]


def make_model(layer_norm: bool) -> StudyModel:
    torch.manual_seed(0)
    return StudyModel(8, 4, layer_norm).eval()


def test_bags_of_a_batch_equal_each_bag_alone() -> None:
    items = torch.randn(sum(COUNTS), 8)
    mask = make_mask(COUNTS)
    for layer_norm in (False, True):
        model = make_model(layer_norm)
        together, weights = model(pad_bags(items, mask), mask)
        parts = items.split(COUNTS)
        alone = torch.cat([model(part[None], make_mask([len(part)]))[0] for part in parts])
        torch.testing.assert_close(together, alone)
        torch.testing.assert_close(weights.sum(dim=1), torch.ones(3))
        assert (weights[~mask] == 0).all()


def test_padding_gets_no_gradient_and_gives_none() -> None:
    mask = make_mask(COUNTS)
    bags = torch.randn(3, 5, 8)
    bags[~mask] = torch.nan  # whatever stands there
    bags.requires_grad_()
    model = make_model(layer_norm=False)
    model(bags, mask)[0].sum().backward()
    assert torch.isfinite(model.attention.w.weight.grad).all()
    assert (bags.grad[~mask] == 0).all()


def test_weights_are_those_of_equation_four() -> None:
    model = make_model(layer_norm=False)
    views = torch.randn(4, 8)
    gate = model.attention
    scores = [
        float(gate.w.weight[0] @ (torch.tanh(gate.v(view)) * torch.sigmoid(gate.u(view)))) for view in views
    ]
    expected = torch.tensor(scores).softmax(0)
    score, weights = model(views[None], make_mask([4]))
    torch.testing.assert_close(weights[0], expected)
    torch.testing.assert_close(score, model.head(expected @ views))


def test_layer_norm_takes_the_scale_away() -> None:
    views, mask = torch.randn(1, 4, 8), make_mask([4])
    plain, normed = make_model(layer_norm=False), make_model(layer_norm=True)
    torch.testing.assert_close(normed(views, mask)[0], normed(7 * views, mask)[0], atol=1e-3, rtol=1e-3)
    assert not torch.allclose(plain(views, mask)[0], plain(7 * views, mask)[0], atol=1e-3)
