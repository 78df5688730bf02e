"""What a stream told, as the result that sinks take: pictures saved, texts hidden where nobody looks for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from lpsr_core.compact import pack
from lpsr_core.reads import Read, read_key
from lpsr_run.alerts import Alerts
from lpsr_run.pipeline.privacy import WatchList
from lpsr_run.pipeline.stream import PlateEvent
from lpsr_run.sinks import PictureStore, Result


def result_of(
    event: PlateEvent,
    run: str,
    number: int,
    store: PictureStore | None,
    watched: WatchList | None,
    certain: float,
    alerts: Alerts | None = None,
) -> Result:
    """Return a read with what it rests on; its pictures are on the disk then, or told to be missing.

    Args:
        event: what the stream told.
        run: identifier of the run; empty for a read that is not recorded.
        number: of the read within the run.
        store: takes the pictures; None keeps none.
        watched: the texts that may be told; None tells all.
        certain: probability below which a character is `?` in the certain text, 0..1.
        alerts: say which plate of a watch list the read hits; hidden reads hit none.
    """
    fused = event.read
    best, reading = fused.best, fused.reading
    hidden = watched is not None and reading.text not in watched.texts
    lr: str | None = None
    sr: str | None = None
    if store is not None and not hidden:
        lr, sr = store.keep(read_key(run, number), event.source, best.crop, best.sr)
    hit = None
    if alerts is not None and not hidden:
        hit = alerts.hit(reading.text, fused.log_probs, alerts.layouts_of(event.source))
    read = Read(
        source=event.source,
        frame=best.frame,
        milliseconds=best.milliseconds,
        box=best.quad.box,
        text=reading.text,
        layout=reading.layout.name,
        confidence=reading.confidence,
        characters=reading.characters,
        frames=fused.frames,
        agreeing=fused.agreeing,
        super_resolved=best.sr is not None,
        lr_image=lr,
        sr_image=sr,
        track=fused.track,
        alternatives=fused.alternatives,
        time=None if best.taken is None else _utc(best.taken),
        certain=reading.certain(certain),
        plate=fused.plate,
        event=event.event,
        run=run,
        number=number,
        zone=best.zone,
        hit=hit,
        log_probs="" if fused.log_probs is None else pack(fused.log_probs),
    )
    if watched is not None and hidden:
        shown = watched.shown(reading.text)
        read = replace(read, text=shown, certain=shown, characters=(), alternatives=(), log_probs="")
    return Result(
        read,
        fused.first,
        fused.last,
        best.crop,
        best.sr,
        best.quad,
        best.picture,
        hidden,
        fused.history,
        best.scale,
    )


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")
