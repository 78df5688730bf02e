"""`python -m lpsr_run.bulk`."""

from lpsr_run.bulk.cli import main

main()
