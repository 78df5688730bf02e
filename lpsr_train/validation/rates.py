"""Recognition rates and picture quality of generator and reader on pairs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from lpsr_core.alphabet import CLASSES, encode
from lpsr_core.decode import decode
from lpsr_core.geometry import Image, to_images, to_tensor
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout
from lpsr_core.metrics import RecognitionRate, psnr, recognition_rate, ssim

FORMS = ("hr", "lr", "bicubic", "lr direct", "sr", "seen")
"""What is read of a plate: the original, LR pixels repeated, LR enlarged bicubically, that by a reader trained for it,
super-resolved, and the delivered crop at the reader's size."""


@dataclass(frozen=True)
class Sample:
    """One plate to evaluate on.

    Attributes:
        lr: uint8[16, 48, 3].
        hr: uint8[32, 96, 3].
        text: the truth.
        seen: uint8[64, 192, 3], the crop as it is read directly; None where there are only the two.
    """

    lr: Image
    hr: Image
    text: str
    seen: Image | None = None


@dataclass(frozen=True)
class Evaluation:
    """What generator and reader made of samples.

    Attributes:
        truths: the true texts.
        texts: for every form of the plates that was read (see `FORMS`) the texts.
        sr: uint8[N, 32, 96, 3].
        confusion: int64[36, 36], true class by class read from `sr`.
        psnr, ssim: means of SR against HR, in dB and -1..1.
        likelihoods: for every form the mean log-likelihood of the true texts, in nats.
    """

    truths: tuple[str, ...]
    texts: dict[str, tuple[str, ...]]
    sr: Image
    confusion: NDArray[np.int64]
    psnr: float
    ssim: float
    likelihoods: dict[str, float] = field(default_factory=dict)

    @cached_property
    def rates(self) -> dict[str, RecognitionRate]:
        """For every form the recognition rate of its texts."""
        return {name: recognition_rate(texts, self.truths) for name, texts in self.texts.items()}


def enlarge(lr: Tensor) -> Tensor:
    """Bicubic enlargement to the reader's size: float[N, 3, 16, 48] -> float[N, 3, 32, 96], 0..1."""
    return F.interpolate(lr, scale_factor=2.0, mode="bicubic", align_corners=False).clamp(0, 1)


@torch.no_grad()
def evaluate(
    samples: Sequence[Sample],
    reader: nn.Module | None,
    generator: nn.Module | None = None,
    lr_reader: nn.Module | None = None,
    layouts: Sequence[Layout] = DEFAULT_LAYOUTS,
    batch: int = 64,
    forms: Collection[str] = ("hr", "bicubic", "sr", "seen"),
) -> Evaluation:
    """Reads samples in several forms.

    Args:
        samples: at least one.
        reader: reads all forms but `lr direct`; None leaves them unread, and compares SR with HR alone.
        generator: makes the SR pictures; None takes the bicubic ones.
        lr_reader: a reader trained on bicubically enlarged LR pictures, for the form `lr direct`.
        layouts: of the decoder.
        batch: plates at a time.
        forms: of FORMS, those that are read.
    """
    network = next(network for network in (reader, generator) if network is not None)
    device = next(network.parameters()).device
    texts: dict[str, list[str]] = {}
    likelihoods: dict[str, float] = {}
    pictures = []
    confusion = np.zeros((CLASSES, CLASSES), np.int64)
    for start in range(0, len(samples), batch):
        part = samples[start : start + batch]
        lr = torch.from_numpy(to_tensor([sample.lr for sample in part])).to(device)
        hr = torch.from_numpy(to_tensor([sample.hr for sample in part])).to(device)
        bicubic = enlarge(lr)
        sr = generator(lr) if generator is not None else bicubic
        pictures.append(to_images(sr.cpu().numpy()))
        repeated = F.interpolate(lr, scale_factor=2.0, mode="nearest")
        made = {"hr": hr, "lr": repeated, "bicubic": bicubic, "lr direct": bicubic, "sr": sr}
        delivered = [sample.seen for sample in part if sample.seen is not None]
        if len(delivered) == len(part):
            made["seen"] = torch.from_numpy(to_tensor(delivered)).to(device)
        truth = np.array([encode(sample.text) for sample in part])
        for name in (name for name in forms if name in made):
            judge = lr_reader if name == "lr direct" else reader
            if judge is None:
                continue
            scores = judge(made[name]).cpu().numpy()
            texts.setdefault(name, []).extend(decode(row, layouts).text for row in scores)
            own = np.take_along_axis(scores, truth[..., None], axis=2).sum()
            likelihoods[name] = likelihoods.get(name, 0.0) + float(own) / len(samples)
            if name == "sr":
                np.add.at(confusion, (truth, scores.argmax(axis=2)), 1)
    sr_images = np.concatenate(pictures)
    quality = [(psnr(image, s.hr), ssim(image, s.hr)) for image, s in zip(sr_images, samples, strict=True)]
    means = np.mean(quality, axis=0)
    return Evaluation(
        tuple(sample.text for sample in samples),
        {name: tuple(found) for name, found in texts.items()},
        sr_images,
        confusion,
        float(means[0]),
        float(means[1]),
        likelihoods,
    )
