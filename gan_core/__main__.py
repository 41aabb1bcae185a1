"""The command line: python -m gan_core COMMAND --help"""

import sys

from gan_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
