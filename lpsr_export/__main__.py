"""`python -m lpsr_export` is `lpsr-export`."""

from lpsr_core.errors import EntryPoint

main = EntryPoint("lpsr_export.cli")

if __name__ == "__main__":
    main()
