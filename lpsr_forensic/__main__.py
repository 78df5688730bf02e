"""`python -m lpsr_forensic` is `lpsr-evidence`."""

from lpsr_core.errors import EntryPoint

main = EntryPoint("lpsr_forensic.cli")

if __name__ == "__main__":
    main()
