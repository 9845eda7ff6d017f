"""`python -m littlehorse.server`: the same as `lh server start`."""

import sys

from littlehorse.server.app import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], "python -m littlehorse.server"))
