"""LCOFL: every term is what the paper says, and every term has a gradient."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="losses need PyTorch (the train extra)")

from lpsr_core.alphabet import encode  # noqa: E402
from lpsr_train.training.losses import (  # noqa: E402
    LcoflConfig,
    LossTerms,
    character_weights,
    classification_loss,
    dissimilarity_loss,
    layout_loss,
    lcofl,
    ssim,
)


def target(*texts: str) -> torch.Tensor:
    return torch.from_numpy(np.stack([encode(text) for text in texts]))


def certain(*texts: str) -> torch.Tensor:
    """Log-probabilities of a reader that is sure of these texts."""
    logits = torch.full((len(texts), 7, 36), -30.0)
    return logits.scatter(2, target(*texts).unsqueeze(2), 30.0).log_softmax(dim=2)


def test_a_perfect_reading_costs_nothing() -> None:
    weights = torch.ones(36)
    assert float(classification_loss(certain("ABC1D23"), target("ABC1D23"), weights)) == pytest.approx(0, abs=1e-6)
    assert float(layout_loss(certain("ABC1D23"), target("ABC1D23"), 0.5)) == pytest.approx(0, abs=1e-6)


def test_weights_count_where_their_character_is_true() -> None:
    even = torch.full((1, 7, 36), 1 / 36).log()
    weights = torch.ones(36)
    base = float(classification_loss(even, target("AAAAAAA"), weights))
    assert base == pytest.approx(np.log(36), rel=1e-5)
    weights[encode("AAAAAAA")[0]] += 0.5
    assert float(classification_loss(even, target("AAAAAAA"), weights)) == pytest.approx(1.5 * base, rel=1e-5)
    assert float(classification_loss(even, target("BBBBBBB"), weights)) == pytest.approx(base, rel=1e-5)


def test_each_misplaced_character_costs_beta() -> None:
    beta = 0.5
    assert float(layout_loss(certain("A8C1234"), target("ABC1234"), beta)) == pytest.approx(beta, rel=1e-5)
    assert float(layout_loss(certain("A8CL234"), target("ABC1234"), beta)) == pytest.approx(2 * beta, rel=1e-5)
    assert float(layout_loss(certain("XYZ9999"), target("ABC1234"), beta)) == pytest.approx(0, abs=1e-5)


def test_the_layout_is_the_true_texts_own() -> None:
    """The fifth character of a Mercosur plate is a letter."""
    assert float(layout_loss(certain("ABC1D23"), target("ABC1D23"), 1.0)) == pytest.approx(0, abs=1e-5)
    assert float(layout_loss(certain("ABC1023"), target("ABC1D23"), 1.0)) == pytest.approx(1, rel=1e-5)


def test_ssim_of_equal_and_of_opposite_pictures() -> None:
    torch.manual_seed(0)
    picture = torch.rand(2, 3, 32, 96)
    assert float(ssim(picture, picture)) == pytest.approx(1, abs=1e-4)
    assert float(dissimilarity_loss(picture, picture)) == pytest.approx(0, abs=1e-4)
    assert 0.5 < float(dissimilarity_loss(picture, 1 - picture)) <= 1


def test_a_guide_that_is_not_heard_yet_leaves_the_pictures_terms() -> None:
    terms = LossTerms(*(torch.tensor(value) for value in (1.0, 2.0, 4.0, 8.0)))
    assert [float(terms.total(guide)) for guide in (0.0, 0.5, 1.0)] == [12.0, 13.5, 15.0]


def test_confused_pairs_gain_alpha() -> None:
    confusion = torch.eye(36) * 10
    b, eight, o = (int(encode(c * 7)[0]) for c in "B8O")
    confusion[b, eight] = 6  # 6 of 16 are over a quarter
    confusion[o, b] = 1  # 1 of 11 is not
    weights = character_weights(confusion, LcoflConfig(alpha=0.5))
    assert weights[b] == 1.5
    assert weights[eight] == 1.5
    assert weights.sum() == pytest.approx(36 + 1)


@pytest.mark.parametrize("term", ["classification", "layout", "dissimilarity", "pixel"])
def test_every_term_reaches_the_pixels(term: str) -> None:
    """Against finite differences, through a small differentiable reader."""
    torch.manual_seed(3)
    reader = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 12, 7 * 36)).double()
    hr = torch.rand(2, 3, 8, 12, dtype=torch.double)
    sr = torch.rand(2, 3, 8, 12, dtype=torch.double)
    truth = target("ABC1234", "XYZ9K87")
    config = LcoflConfig(pixel=1.0)

    def value(picture: torch.Tensor) -> torch.Tensor:
        log_probs = reader(picture).reshape(2, 7, 36).log_softmax(dim=2)
        weights = torch.linspace(1, 2, 36, dtype=torch.double)
        return getattr(lcofl(config, log_probs, truth, weights, picture, hr), term)

    picture = sr.clone().requires_grad_()
    value(picture).backward()
    assert picture.grad is not None
    direction = torch.randn_like(sr)
    direction = direction / direction.norm()
    step = 1e-2 if term == "dissimilarity" else 1e-5  # SSIM is computed in single precision
    with torch.no_grad():
        slope = float(value(sr + step * direction) - value(sr - step * direction)) / (2 * step)
    found = float((picture.grad * direction).sum())
    assert found == pytest.approx(slope, rel=0.05, abs=1e-6)
    assert picture.grad.abs().max() > 0
