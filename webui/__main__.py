"""python -m webui: the same as the command `morello`."""

import sys

from webui.cli import main

sys.exit(main())
