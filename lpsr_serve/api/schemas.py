"""What the API takes and gives, for validation and for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lpsr_core.decode import Alternative, Candidate
from lpsr_core.geometry import Box

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_ .-]{0,63}$")]


class Error(BaseModel):
    """A failure in one line."""

    error: str = Field(examples=["no read is called 01M8GGMR5XH0FS38QYSS9326G0-00000007"])


class ReadModel(BaseModel):
    """A plate that was read: the line of `reads.jsonl`."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "source": "gate",
                    "frame": 27,
                    "milliseconds": 2250.0,
                    "box": {"x": 412.3, "y": 161.0, "width": 97.1, "height": 33.4},
                    "text": "VKY5G31",
                    "certain": "VKY5G31",
                    "layout": "mercosur",
                    "confidence": 0.99,
                    "plate": 0.99,
                    "characters": [[{"character": "V", "probability": 0.99}]],
                    "frames": 36,
                    "agreeing": 30,
                    "super_resolved": False,
                    "lr_image": "plates/2026-11-28/01M8GGMR5XH0FS38QYSS9326G0-00000001-gate-lr.png",
                    "sr_image": None,
                    "track": 0,
                    "alternatives": [{"text": "VKY5G31", "probability": 0.99}],
                    "time": None,
                    "event": "final",
                    "run": "01M8GGMR5XH0FS38QYSS9326G0",
                    "number": 1,
                }
            ]
        },
    )

    source: str
    frame: int
    milliseconds: float
    box: Box
    text: str
    certain: str
    layout: str
    confidence: float
    plate: float
    characters: list[list[Candidate]]
    frames: int
    agreeing: int
    super_resolved: bool
    lr_image: str | None
    sr_image: str | None
    track: int
    alternatives: list[Alternative]
    time: str | None
    event: Literal["first", "update", "final"]
    run: str
    number: int


class PicturesModel(BaseModel):
    """Addresses of a read's pictures; null for those that were not kept."""

    lr: str | None
    sr: str | None
    frame: str | None


class StoredReadModel(BaseModel):
    """A read of the store."""

    id: str = Field(examples=["01M8GGMR5XH0FS38QYSS9326G0-00000001"])
    stored: str = Field(description="When it was stored, ISO 8601 in UTC.", examples=["2026-11-28T10:28:33.120+00:00"])
    pictures: PicturesModel
    read: ReadModel


class ReadsPage(BaseModel):
    """Stored reads, the newest first."""

    reads: list[StoredReadModel]
    next: str | None = Field(description="Cursor of the next page; null for the last one.", examples=["1042"])


class FoundRead(StoredReadModel):
    """A stored read that was found."""

    seen: str = Field(description="When the plate was seen, ISO 8601 in UTC; for recordings when it was stored.")
    edits: float | None = Field(description="Of `near`: how far the text is from the one that was looked for.")
    probability: float | None = Field(description="Of `likely`: that the plate has the text that was looked for.")


class SearchPage(BaseModel):
    """What was found, the best first."""

    found: list[FoundRead]
    next: str | None = Field(description="Cursor of the next page; null for the last one.")
    total: int = Field(description="Number of reads that fit, on all pages.")


class PictureReads(BaseModel):
    """What was read in a picture."""

    reads: list[ReadModel]


class CropReads(BaseModel):
    """What was read in pictures that are plates; `frame` of a read is the position of its picture."""

    reads: list[ReadModel]
    skipped: list[str] = Field(description="A line for each picture without a plate that can be read.")


class JobModel(BaseModel):
    """A video that was sent."""

    id: str = Field(examples=["01M8GGMR5XH0FS38QYSS9326G0"])
    name: str = Field(examples=["gate.mp4"])
    source: str = Field(description="`source` of its reads.", examples=["01M8GGMR5XH0FS38QYSS9326G0/gate.mp4"])
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    frames: int = Field(description="Number of frames processed.")
    total: int | None
    progress: float | None = Field(description="Fraction of the frames, 0 to 1.")
    frames_per_second: float | None
    seconds_left: float | None
    reads: int
    error: str | None
    skipped: list[str]


class Jobs(BaseModel):
    """All jobs, the newest first."""

    jobs: list[JobModel]


class SourceModel(BaseModel):
    """A camera, or another source of frames."""

    name: str = Field(examples=["gate"])
    address: str = Field(description="Without user and password.", examples=["rtsp://***@10.0.0.7/live"])
    status: Literal["starting", "running", "waiting", "ended", "failed", "stopped", "paused"]
    live: bool
    error: str | None
    frames: int
    dropped: int
    reconnects: int
    reads: int
    open_tracks: int
    last_frame: float | None = Field(description="Time of the last frame, in seconds since 1970.")
    picture: str | None = Field(description="Address of the last picture with boxes.")


class Sources(BaseModel):
    """All sources, in the order in which they came."""

    sources: list[SourceModel]


class NewSourceModel(BaseModel):
    """A source to add."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["yard"])
    address: str = Field(
        min_length=1,
        max_length=2000,
        description="rtsp:// or http:// address, number of a camera, or a file within the folder of --media.",
        examples=["rtsp://viewer:secret@10.0.0.8/stream1"],
    )
    layouts: list[str] | None = Field(None, min_length=1, max_length=16, examples=[["mercosur", "brazilian"]])
    min_confidence: float | None = Field(None, ge=0, le=1)
    pixel_aspect: float | None = Field(None, ge=0.25, le=4)
    stride: int = Field(1, ge=1, le=1000)
    silence: float = Field(30.0, ge=0.1, le=86400)
    give_up: float = Field(0.0, ge=0, le=86400)


class ChangedSource(BaseModel):
    """What to change about a source."""

    model_config = ConfigDict(extra="forbid")

    paused: bool = Field(description="False starts a source that ended or failed again, too.", examples=[True])


class Health(BaseModel):
    """Whether the process answers."""

    status: Literal["ok"]
    version: str


class Readiness(BaseModel):
    """Whether the server can read and record."""

    ready: bool
    why: str | None
