"""`python -m ekg VERB ...`; see `ekg.cli`."""

import sys

from ekg.cli import main

if __name__ == "__main__":
    sys.exit(main())
