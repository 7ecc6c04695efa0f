"""The verbs of `python -m ekg`, one module each.

A verb's module has a one-line docstring (its help), `add_arguments(parser)` and
`run(arguments) -> int | None` (the exit status). It parses and prints; the work is done by the
rooms. Heavy imports stand inside `run`, so that `--help` and light verbs start at once.
"""
