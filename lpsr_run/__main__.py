"""`python -m lpsr_run` is `lpsr-run`."""

from lpsr_run.cli import main

main()
