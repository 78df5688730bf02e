"""The opened networks, used by one thread at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image
from lpsr_core.layouts import Layout, parse_layouts
from lpsr_core.reads import Read
from lpsr_run.alerts import Alerts
from lpsr_run.config import RunConfig
from lpsr_run.pipeline.configured import open_stream
from lpsr_run.pipeline.crops import read_crops
from lpsr_run.pipeline.privacy import WatchList
from lpsr_run.pipeline.results import result_of
from lpsr_run.pipeline.stream import PlateEvent
from lpsr_run.pipeline.tools import Tools, open_tools
from lpsr_run.sources.base import Frame
from lpsr_run.sources.merge import Ended, Quiet
from lpsr_serve.inference.turns import Turns


@dataclass(frozen=True)
class Upload:
    """A decoded picture of a request.

    Attributes:
        name: as its reads call it.
        image: uint8[H, W, 3], RGB.
    """

    name: str
    image: Image


class Networks:
    """Locator, generator and reader, opened once and used by turns.

    Args:
        config: how plates are read.
        watched: the texts that may be told; None tells all.
        alerts: say which plates of watch lists are hit; None for none.
        opened: what the networks are opened from, where its layouts are more than those of `config`.

    Raises:
        UsageError: there is no such model.
        LpsrError: a model cannot be loaded.
    """

    def __init__(
        self,
        config: RunConfig,
        watched: WatchList | None = None,
        alerts: Alerts | None = None,
        opened: RunConfig | None = None,
    ) -> None:
        self.config, self.watched, self.alerts = config, watched, alerts
        self.tools: Tools = open_tools(opened or config)
        self.turns = Turns()
        self.tools.reader.warm_up()

    def read(self, upload: Upload) -> list[Read]:
        """Find and read the plates of a picture, the one that was found most surely first.

        Raises:
            LpsrError: a network failed.
        """
        assert self.tools.locator is not None, "only a configuration of crops has no locator"
        stream = open_stream(self.config, self.tools, self.tools.locator, False, lambda event, why: None)
        frame = Frame(upload.name, 0, 0.0, upload.image, still=True)
        with self.turns.turn():
            return [self._told(event) for event in stream.reads([frame])]

    def read_crops(self, uploads: Sequence[Upload]) -> tuple[list[Read], list[str]]:
        """Read pictures that are plates already.

        Returns:
            A read for each that shows a plate, with `frame` as its position, and a line for each that does not.

        Raises:
            LpsrError: a network failed.
        """
        skipped: list[str] = []
        frames = [Frame(one.name, index, 0.0, one.image, still=True) for index, one in enumerate(uploads)]
        with self.turns.turn():
            events = read_crops(
                frames, self.tools.reader, skipped.append, self._layouts, min_plate=self.config.min_plate
            )
            return [self._told(event) for event in events], skipped

    def by_turns(self, items: Iterable[Frame | Quiet | Ended]) -> Iterator[Frame | Quiet | Ended]:
        """Pass on the items of one source, each when it is its turn; the turn lasts until the next one is asked for.

        Behind the last item an `Ended` follows, so that what waits is read within a turn as well.

        Raises:
            LpsrError: the items failed.
        """
        failure: LpsrError | None = None
        try:
            for item in items:
                with self.turns.turn():
                    yield item
        except LpsrError as error:
            failure = error
        with self.turns.turn():
            yield Ended(0, failure)
        if failure is not None:
            raise failure

    @property
    def _layouts(self) -> tuple[Layout, ...]:
        return parse_layouts(self.config.layouts)

    def _told(self, event: PlateEvent) -> Read:
        return result_of(event, "", 0, None, self.watched, self.config.certain, self.alerts).read
