"""Where reads go. Each sink writes at once, so that nothing waits for the end."""

from lpsr_run.retention.policy import Retention
from lpsr_run.sinks.base import Result
from lpsr_run.sinks.csv_file import CsvSink
from lpsr_run.sinks.folder import make_folder, set_aside
from lpsr_run.sinks.jsonl import JsonLinesSink
from lpsr_run.sinks.mqtt import publisher
from lpsr_run.sinks.pictures import PictureStore
from lpsr_run.sinks.spool import SpooledSink
from lpsr_run.sinks.sqlite_store import SqliteSink
from lpsr_run.sinks.table import TableSink
from lpsr_run.sinks.webhook import poster

__all__ = [
    "CsvSink",
    "JsonLinesSink",
    "PictureStore",
    "Result",
    "Retention",
    "SpooledSink",
    "SqliteSink",
    "TableSink",
    "make_folder",
    "poster",
    "publisher",
    "set_aside",
]
