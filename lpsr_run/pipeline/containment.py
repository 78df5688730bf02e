"""A frame or a picture on which a model fails costs itself; a model that fails on everything ends the run."""

from __future__ import annotations

from collections.abc import Callable

from lpsr_core.errors import LpsrError

IN_A_ROW = 25
"""Failures without a success in between, after which the model is taken for broken."""


class Failures:
    """Counts what fails, and decides when it is enough.

    Args:
        report: takes one line for each failure that is skipped.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._row, self._worked = 0, False
        self._held: list[str] = []
        self._first: LpsrError | None = None

    def worked(self) -> None:
        """Note a success; failures before the first one are told now."""
        self._row, self._worked = 0, True
        for line in self._held:
            self._report(line)
        self._held.clear()

    def failed(self, where: str, error: Exception) -> None:
        """Note a failure.

        Args:
            where: source and frame.
            error: anything that a model or a picture can raise.

        Raises:
            LpsrError: so many failed in a row that the model is broken.
        """
        failure = error
        if not isinstance(failure, LpsrError):
            why = " ".join(str(error).split())[:300] or "no message"
            failure = LpsrError(f"unexpected {type(error).__name__}: {why}")
            failure.__cause__ = error
        self._row += 1
        self._first = self._first or failure
        if self._row >= IN_A_ROW:
            raise failure
        (self._report if self._worked else self._held.append)(f"{where}: {failure}")

    def ended(self) -> None:
        """End the count.

        Raises:
            LpsrError: the first failure, where nothing worked at all.
        """
        if self._first is not None and not self._worked:
            raise self._first
