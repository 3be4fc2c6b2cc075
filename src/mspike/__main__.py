"""`python -m mspike` is `mspike`."""

from mspike.cli import main

if __name__ == "__main__":
    main()
