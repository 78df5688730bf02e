"""`python -m lpsr_train` is `lpsr-train`."""

from lpsr_train.cli import main

main()
