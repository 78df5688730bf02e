"""`python -m lpsr_run.bulk` is `lpsr-bulk`."""

from lpsr_core.errors import EntryPoint

main = EntryPoint("lpsr_run.bulk.cli")

if __name__ == "__main__":
    main()
