"""`python -m lpsr_serve` is `lpsr-serve`."""

from lpsr_core.errors import EntryPoint

main = EntryPoint("lpsr_serve.cli")

if __name__ == "__main__":
    main()
