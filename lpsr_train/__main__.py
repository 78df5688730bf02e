"""`python -m lpsr_train` is `lpsr-train`."""

from lpsr_core.errors import EntryPoint

main = EntryPoint("lpsr_train.cli")

if __name__ == "__main__":
    main()
