from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from lpsr_train.training.precision import autocast, has_bf16

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    has_bf16.cache_clear()
    yield
    has_bf16.cache_clear()


@pytest.mark.parametrize(
    ("capabilities", "wanted", "dtype"),
    [
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, True, torch.float32),
        ({"avx2": True, "avx512_bf16": True}, True, torch.bfloat16),
        ({"amx_bf16": True}, True, torch.bfloat16),
        ({"amx_bf16": True}, False, torch.float32),
    ],
)
def test_half_precision_is_for_devices_that_have_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], wanted: bool, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    with autocast(CPU, wanted):
        assert (torch.ones(4, 4) @ torch.ones(4, 4)).dtype == dtype


def test_a_pytorch_that_does_not_tell_what_a_processor_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not has_bf16(CPU)
