"""``python -m consumer`` is the command ``linkrunner-consumer``."""

from consumer.cli import main

if __name__ == "__main__":
    main()
