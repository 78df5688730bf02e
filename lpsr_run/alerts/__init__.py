"""Alerts: watch lists that reads hit, and sinks that are told by rules."""

from lpsr_run.alerts.alerts import Alerts, open_alerts
from lpsr_run.alerts.entries import Entry, load_entries
from lpsr_run.alerts.hits import HitList
from lpsr_run.alerts.load import load_alerts
from lpsr_run.alerts.rules import Rule

__all__ = [
    "Alerts",
    "Entry",
    "HitList",
    "Rule",
    "load_alerts",
    "load_entries",
    "open_alerts",
]
