"""Losses: LCOFL, the Layout and Character Oriented Focal Loss of the paper (section III-A), and its parts.

Every term is differentiable. The authors' code computes the first two on argmax strings of a detached picture, so
only the last one reaches their generator; here all three do, through the reader's probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from lpsr_core.alphabet import IS_DIGIT
from lpsr_train.config import LcoflConfig


def log_likelihood(log_probs: Tensor, target: Tensor) -> Tensor:
    """How likely whole texts are.

    Args:
        log_probs: float[N, K, 36], of any reader.
        target: int64[N, K], the texts.

    Returns:
        float32[N], natural logarithms.
    """
    return log_probs.float().gather(2, target.unsqueeze(2)).sum(dim=(1, 2))


def soft_targets(target: Tensor, known: Tensor, plate: Tensor) -> Tensor:
    """What a reader should say of characters of which not everything can be known.

    Args:
        target: int64[N, K], the true classes.
        known: float[N, K], how much of each character can be known, 0..1.
        plate: bool[N], whether there is a plate at all.

    Returns:
        float32[N, K, 36]: between the true class and a flat distribution over its kind, letters or digits; without a
        plate a flat distribution over all classes.
    """
    is_digit = torch.as_tensor(IS_DIGIT, device=target.device)
    kind = (is_digit[target].unsqueeze(2) == is_digit).float()
    kind = kind / kind.sum(dim=2, keepdim=True)
    share = known.float().unsqueeze(2)
    wanted = share * F.one_hot(target, len(IS_DIGIT)).float() + (1 - share) * kind
    return torch.where(plate.view(-1, 1, 1), wanted, torch.full_like(wanted, 1 / len(IS_DIGIT)))


def classification_loss(log_probs: Tensor, target: Tensor, weights: Tensor, known: Tensor | None = None) -> Tensor:
    """Weighted cross-entropy of the characters, Eq. (1).

    Args:
        log_probs: float[N, K, 36], of any reader.
        target: int64[N, K], the true classes.
        weights: float[36], 1 and more for characters that are often confused (see `character_weights`).
        known: float[N, K], how much each character counts, 0..1; all alike when None.

    Returns:
        The mean over plates and positions of w[y] * -log p(y).
    """
    picked = weights[target] * log_probs.gather(2, target.unsqueeze(2)).squeeze(2)
    return -(picked if known is None else known * picked).mean()


def reading_loss(log_probs: Tensor, target: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy with label smoothing, by which a reader learns.

    Args:
        log_probs: float[N, K, 36].
        target: int64[N, K], or float[N, K, 36] where it is not certain (see `soft_targets`).
        smoothing: share of the mass spread over all classes.
    """
    if target.is_floating_point():
        picked = (target * log_probs).sum(dim=2).mean()
    else:
        picked = log_probs.gather(2, target.unsqueeze(2)).mean()
    return -((1 - smoothing) * picked + smoothing * log_probs.mean())


def layout_loss(log_probs: Tensor, target: Tensor, beta: float, known: Tensor | None = None) -> Tensor:
    """Layout penalty, Eq. (2) and (3): letters where digits belong, and the other way round.

    The paper adds beta for every misplaced character; its expectation under the reader's probabilities is beta
    times the mass on the wrong kind, which has a gradient. The layout is that of the true text, whichever it is.

    Args:
        log_probs: float[N, K, 36].
        target: int64[N, K].
        beta: the penalty.
        known: float[N, K], how much each character counts, 0..1; all alike when None.

    Returns:
        The mean over plates of the sum over positions.
    """
    is_digit = torch.as_tensor(IS_DIGIT, device=log_probs.device)
    digit_mass = (log_probs.exp() * is_digit).sum(dim=2)
    wrong = torch.where(is_digit[target], 1 - digit_mass, digit_mass)
    return beta * (wrong if known is None else known * wrong).sum(dim=1).mean()


def ssim(image: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity with a Gaussian window of 5 pixels, as in the authors' code, per channel.

    Args:
        image, reference: float[N, C, H, W] in 0..1.

    Returns:
        The mean over everything, -1..1.
    """
    steps = torch.arange(-2, 3, dtype=torch.float32, device=image.device)
    profile = torch.exp(-(steps**2) / (2 * 1.5**2))
    profile = profile / profile.sum()
    count = 5 * image.shape[1]
    kernel = torch.outer(profile, profile).expand(count, 1, -1, -1)
    image, reference = image.float(), reference.float()
    stacked = torch.cat([image, reference, image * image, reference * reference, image * reference], dim=1)
    with torch.autocast(image.device.type, enabled=False):
        moments = F.conv2d(stacked, kernel, groups=count)
    mean_i, mean_r, square_i, square_r, product = moments.chunk(5, dim=1)
    variance_i, variance_r = square_i - mean_i**2, square_r - mean_r**2
    covariance = product - mean_i * mean_r
    c1, c2 = 0.01**2, 0.03**2
    numerator = (2 * mean_i * mean_r + c1) * (2 * covariance + c2)
    denominator = (mean_i**2 + mean_r**2 + c1) * (variance_i + variance_r + c2)
    return (numerator / denominator).mean()


def dissimilarity_loss(image: Tensor, reference: Tensor) -> Tensor:
    """(1 - SSIM) / 2, Eq. (4)."""
    return (1 - ssim(image, reference)) / 2


@dataclass(frozen=True)
class LossTerms:
    """The terms of one batch's loss, each already weighted.

    Attributes:
        classification, layout: what a reader thinks of the pictures.
        dissimilarity, pixel: how they differ from the HR pictures.
    """

    classification: Tensor
    layout: Tensor
    dissimilarity: Tensor
    pixel: Tensor

    def total(self, guide: float = 1.0) -> Tensor:
        """Eq. (5), and the pixel term; `guide` (0..1) is how much the reader's two terms count yet."""
        return guide * (self.classification + self.layout) + self.dissimilarity + self.pixel

    def heard(self, other: tuple[Tensor, Tensor], share: float) -> LossTerms:
        """These terms, with another reader's `opinion` as that share of the reader's two."""
        own = (self.classification, self.layout)
        classification, layout = (mine + share * (theirs - mine) for mine, theirs in zip(own, other, strict=True))
        return replace(self, classification=classification, layout=layout)

    def as_dict(self) -> dict[str, float]:
        """The values by name, without their gradients."""
        return {entry.name: float(getattr(self, entry.name).detach()) for entry in fields(self)}


def opinion(
    config: LcoflConfig, log_probs: Tensor, target: Tensor, weights: Tensor, known: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The two terms of LCOFL that a reader has a say in, weighted: Eq. (1) and (2)."""
    classification = classification_loss(log_probs, target, weights, known)
    return config.classification * classification, layout_loss(log_probs, target, config.beta, known)


def lcofl(
    config: LcoflConfig,
    log_probs: Tensor,
    target: Tensor,
    weights: Tensor,
    sr: Tensor,
    hr: Tensor,
    known: Tensor | None = None,
) -> LossTerms:
    """LCOFL of one batch.

    Args:
        config: weights of the terms.
        log_probs: float[N, K, 36], what a reader makes of `sr`.
        target: int64[N, K].
        weights: float[36], see `character_weights`.
        sr, hr: float[N, 3, H, W] in 0..1.
        known: float[N, K], how much each character counts, 0..1; all alike when None.
    """
    return LossTerms(
        *opinion(config, log_probs, target, weights, known),
        config.dissimilarity * dissimilarity_loss(sr, hr),
        config.pixel * F.l1_loss(sr, hr),
    )


def logit_loss(log_probs: Tensor, wanted: Tensor, sr: Tensor, hr: Tensor) -> LossTerms:
    """The loss of the work that the paper builds on (Nascimento et al., 2023): pixels, and a fixed OCR's answers.

    Args:
        log_probs: float[N, K, 36], what the OCR makes of `sr`.
        wanted: float[N, K, 36], what it makes of `hr`.
        sr, hr: float[N, 3, H, W] in 0..1.

    Returns:
        Mean squared error of the pixels, and mean absolute error of the OCR's answers, relative to the mean over all
        classes as logits are (their common constant is lost in the log-probabilities, and carries nothing).
    """
    zero = sr.new_zeros(())

    def logits(values: Tensor) -> Tensor:
        return values - values.mean(dim=2, keepdim=True)

    difference = (logits(log_probs) - logits(wanted)).abs().mean()
    return LossTerms(difference, zero, zero, F.mse_loss(sr, hr))


def character_weights(confusion: Tensor, config: LcoflConfig) -> Tensor:
    """Weights of Eq. (1) from a confusion matrix: alpha is added to both characters of every confused pair.

    Args:
        confusion: float[36, 36], counts; rows are true classes, columns what was read.
        config: alpha and the threshold.

    Returns:
        float32[36], at least 1.
    """
    rates = confusion / confusion.sum(dim=1, keepdim=True).clamp(min=1)
    rates = rates - torch.diag(torch.diagonal(rates))
    confused = rates > config.confusion
    involved = confused.any(dim=1) | confused.any(dim=0)
    return 1 + config.alpha * involved.float()
