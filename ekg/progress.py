"""Progress of long work: a bar on a terminal, plain lines elsewhere; always standard error."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 15.0


def log_line(line: str) -> None:
    """Print a line for the user to standard error, above the bar where one is shown."""
    tqdm.write(line, file=sys.stderr)
    sys.stderr.flush()


class Progress:
    """Count finished things, show speed and time left.

    Use as a context manager.

    `total`: How many things there are, None when unknown.
    """

    def __init__(self, total: int | None, what: str, unit: str, done: int = 0):
        self.total, self.what, self.unit = total, what, unit
        self.count = self._before = done
        self._started = self._last_line = time.monotonic()
        self._note = ""
        self._bar = (
            tqdm(
                total=total,
                initial=done,
                desc=what,
                unit=f" {unit}" if unit != "B" else "B",
                unit_scale=unit == "B",
                unit_divisor=1024,
                file=sys.stderr,
                dynamic_ncols=True,
            )
            if sys.stderr.isatty()
            else None
        )

    def __enter__(self) -> Progress:
        return self

    def update(self, count: int = 1) -> None:
        """Say that `count` more things are finished."""
        self.count += count
        if self._bar is not None:
            self._bar.update(count)
        elif time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._print_line()

    def note(self, text: str) -> None:
        """Show `text` (a loss, say) behind the figures."""
        self._note = text
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)

    def _print_line(self) -> None:
        self._last_line = time.monotonic()
        seconds = max(self._last_line - self._started, 1e-9)
        speed = (self.count - self._before) / seconds
        line = f"{self.what}: {self.count:,}"
        if self.total is not None:
            line += f" of {self.total:,}"
        line += f" {self.unit}{'' if self.unit == 'B' else 's'}, {speed:,.1f}/s"
        if self.total is not None and speed > 0:
            line += f", {max(self.total - self.count, 0) / speed:,.0f} s left"
        if self._note:
            line += f", {self._note}"
        print(line, file=sys.stderr, flush=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self.count > self._before:
            self._print_line()
