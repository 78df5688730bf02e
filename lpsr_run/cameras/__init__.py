"""Cameras of a file: what each is, and how many of them run, are changed and stopped in one run."""

from lpsr_run.cameras.load import load_cameras
from lpsr_run.cameras.schedule import Schedule
from lpsr_run.cameras.settings import Camera, CamerasFile

__all__ = ["Camera", "CamerasFile", "Schedule", "load_cameras"]
