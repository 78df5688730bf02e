"""What engines are built for: one TOML file a target, in engines/profiles or of the user's own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lpsr_core.cuda import Gpu
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.tomlfile import read_toml

GENERIC = "generic"
"""Profile of GPUs that have none of their own."""
LEAST_SM = 75
"""The least compute capability that the plugin has code for."""


@dataclass(frozen=True)
class Profile:
    """A target.

    Attributes:
        name: of the file.
        description: the hardware, in words.
        sms: compute capabilities that the plugin is built for, as 87 for 8.7.
        multiprocessors: at most, of the GPUs that it is for.
        workspace_mib: MiB that a layer may use while it runs.
        batch: the least crops, those that tactics are timed for, and the most.
    """

    name: str
    description: str
    sms: tuple[int, ...]
    multiprocessors: int
    workspace_mib: int
    batch: tuple[int, int, int]

    def check(self, gpu: Gpu) -> None:
        """Make sure that the profile is meant for a GPU; one that names no compute capabilities is for all.

        Raises:
            UsageError: it is for others.
        """
        if self.sms and gpu.sm not in self.sms:
            held = ", ".join(f"sm_{sm}" for sm in self.sms)
            raise UsageError(
                f"profile {self.name} is for {held}, and this GPU is {gpu}; leave --profile out for the GPU's own, "
                "or give generic or a TOML file"
            )

    def as_dict(self) -> dict[str, Any]:
        """For cards and keys, as JSON has it."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def profiles_folder() -> Path:
    """Where the project's profiles lie: in the installed package, or in a checkout at engines/profiles."""
    here = Path(__file__).resolve().parents[1]
    packaged = here / "profiles"
    return packaged if packaged.is_dir() else here.parent / "engines" / "profiles"


def profile_names() -> tuple[str, ...]:
    """The project's profiles."""
    return tuple(sorted(path.stem for path in profiles_folder().glob("*.toml")))


def profile_for(gpu: Gpu) -> Profile:
    """The project's profile of a GPU, by its compute capability; the generic one where it has none of its own.

    Raises:
        LpsrError: the GPU is not supported.
    """
    if gpu.sm < LEAST_SM:
        raise LpsrError(f"{gpu}: compute capabilities below {LEAST_SM / 10} (Turing) are not supported")
    fitting = [profile for profile in map(load_profile, profile_names()) if gpu.sm in profile.sms]
    if not fitting:
        return load_profile(GENERIC)
    # The two Orins differ in how much they hold.
    small = [profile for profile in fitting if profile.multiprocessors >= gpu.multiprocessors]
    return min(small or fitting, key=lambda profile: profile.multiprocessors)


def load_profile(choice: str) -> Profile:
    """A profile by name, or from a TOML file.

    Raises:
        UsageError: there is none of that name, or the file says something else; the line says what.
    """
    path = Path(choice) if choice.endswith(".toml") else profiles_folder() / f"{choice}.toml"
    if not choice.endswith(".toml") and choice not in profile_names():
        known = ", ".join(profile_names())
        raise UsageError(f"unknown profile {choice!r}; give one of {known}, or a TOML file like theirs")
    return _profile(path, read_toml(path))


def _profile(path: Path, values: dict[str, Any]) -> Profile:
    unknown = set(values) - {"description", "sms", "multiprocessors", "workspace_mib", "batch"}
    batch = values.get("batch")
    if unknown or not isinstance(batch, dict) or set(batch) != {"min", "opt", "max"}:
        what = f"unknown key {sorted(unknown)[0]!r}" if unknown else "[batch] takes min, opt and max"
        raise UsageError(f"{path}: {what}")
    sizes = (batch["min"], batch["opt"], batch["max"])
    sms = values.get("sms", [])
    workspace = values.get("workspace_mib", 1024)
    most = values.get("multiprocessors", 1000)
    whole = (*sizes, workspace, most, *(sms if isinstance(sms, list) else [None]))
    if not all(isinstance(value, int) and not isinstance(value, bool) and value > 0 for value in whole):
        raise UsageError(f"{path}: batch, sms, multiprocessors and workspace_mib are positive whole numbers")
    if not sizes[0] <= sizes[1] <= sizes[2]:
        raise UsageError(f"{path}: [batch] must have min <= opt <= max, not {sizes}")
    return Profile(path.stem, str(values.get("description", "")), tuple(sms), most, workspace, sizes)
