"""The project's own errors: one clear line that names the file, the field and the remedy."""

from __future__ import annotations

from pathlib import Path


class EkgError(Exception):
    """Anything a user can put right.

    The command line prints the message as one line on standard error and exits with status 2.
    """

    def __init__(self, problem: str, *, path: str | Path | None = None, remedy: str | None = None):
        self.problem = problem
        self.path = None if path is None else str(path)
        self.remedy = remedy
        # The parts go to Exception as they are, so that an error raised in a worker process
        # survives pickling; __str__ puts the line together.
        super().__init__(problem, self.path, remedy)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.problem, self.path, self.remedy))

    def __str__(self) -> str:
        front = f"{self.path}: " if self.path else ""
        back = f"; {self.remedy}" if self.remedy else ""
        line = " ".join(f"{front}{self.problem}{back}".split())
        # What a file says may be in it: nothing that a terminal would obey comes through.
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def _rebuild(kind: type[EkgError], problem: str, path: str | None, remedy: str | None) -> EkgError:
    return kind(problem, path=path, remedy=remedy)


class EkgWarning(UserWarning):
    """What a user should know and can continue: the command line prints it as one line."""


class RecordError(EkgError):
    """A recording that cannot be read or used."""


class ImageError(EkgError):
    """An image, image set or image setting that cannot be used."""


class SplitError(EkgError):
    """A split or label file that cannot be used."""


class ModelError(EkgError):
    """Weights or a model folder that cannot be used."""


class ConfigError(EkgError):
    """A configuration or experiment file that cannot be used."""


class TrainingError(EkgError):
    """Training that cannot start or continue."""


class EvaluationError(EkgError):
    """Predictions, metrics or a comparison that cannot be made."""


class DownloadError(EkgError):
    """A file that cannot be fetched or does not pass its checks."""
