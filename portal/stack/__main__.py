import sys

from portal.stack.up import main

sys.exit(main(sys.argv[1:]))
