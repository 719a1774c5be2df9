"""`python -m payments`, the same as `payments`."""

import sys

from payments.cli import main

sys.exit(main())
