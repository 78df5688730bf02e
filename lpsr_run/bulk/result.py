"""One result per input: what was read, or why nothing was."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from lpsr_core.errors import MissingExtraError
from lpsr_core.reads import Read

Status = Literal["read", "no_plate", "failed"]
"""`no_plate`: the input was decoded and shows no plate that can be read. `failed`: it could not be read to its end."""

_FIELDS = (
    *("frame", "milliseconds", "box", "text", "certain", "layout", "confidence", "plate", "characters", "frames"),
    *("agreeing", "super_resolved", "track", "alternatives"),
)
"""Of a read; the others are about pictures, live sources and numbered runs, which there are none of here."""


@dataclass(frozen=True)
class InputResult:
    """What became of one input.

    Attributes:
        input: its name, as the list or the file system has it.
        status: see `Status`.
        why: one line, where something failed or was left out.
        reads: in the order of their frames; a crop has at most one for each of its pages.
    """

    input: str
    status: Status
    why: str | None = None
    reads: tuple[Read, ...] = ()

    def to_json(self) -> str:
        """Return one line of JSON, without the newline."""
        return json.dumps(
            {
                "input": self.input,
                "status": self.status,
                "why": self.why,
                "reads": [{name: fields[name] for name in _FIELDS} for fields in map(Read.as_dict, self.reads)],
            },
            ensure_ascii=False,
        )


def input_of(line: bytes) -> str:
    """Return the input that a line of JSON is about.

    Raises:
        ValueError: it is not such a line.
    """
    fields = json.loads(line)
    if not isinstance(fields, dict) or not isinstance(fields.get("input"), str):
        raise ValueError("not a result")
    return str(fields["input"])


def import_parquet() -> Any:
    """Return the module `pyarrow.parquet`, or raise `MissingExtraError`."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "ray") from None
    return pyarrow.parquet


def parquet_schema() -> Any:
    """Return the schema of a Parquet shard: the fields of the JSON, with their types."""
    import pyarrow as pa

    text, number, real = pa.string(), pa.int64(), pa.float64()
    read = pa.struct(
        {
            "frame": number,
            "milliseconds": real,
            "box": pa.struct({"x": real, "y": real, "width": real, "height": real}),
            "text": text,
            "certain": text,
            "layout": text,
            "confidence": real,
            "plate": real,
            "characters": pa.list_(pa.list_(pa.struct({"character": text, "probability": real}))),
            "frames": number,
            "agreeing": number,
            "super_resolved": pa.bool_(),
            "track": number,
            "alternatives": pa.list_(pa.struct({"text": text, "probability": real})),
        }
    )
    return pa.schema({"input": text, "status": text, "why": text, "reads": pa.list_(read)})
