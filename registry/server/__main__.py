"""`python -m registry.server`: one worker, started by the supervisor."""

import sys

from registry.server.worker import main

sys.exit(main())
