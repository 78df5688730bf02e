"""`python -m lpsr_export` is `lpsr-export`."""

from lpsr_export.cli import main

main()
