"""Operations of graphs, counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="the graphs of these tests are made with ONNX")

from lpsr_bench.arithmetic import operations
from lpsr_bench.suites.kernel import convolution
from lpsr_core.errors import LpsrError


def test_a_convolution_counts_two_for_every_product(tmp_path: Path) -> None:
    path = tmp_path / "conv.onnx"
    path.write_bytes(convolution(8, 4, 6))
    assert operations(path) == 2 * 8 * 8 * 9 * 4 * 6


def test_rows_of_a_batch_count_each(models: Path) -> None:
    assert operations(models / "reader.onnx", 3) == 3 * operations(models / "reader.onnx", 1)


def test_what_is_no_graph_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_text("no graph")
    with pytest.raises(LpsrError, match="cannot be profiled") as caught:
        operations(tmp_path / "no.onnx")
    assert "\n" not in str(caught.value)
