"""`python -m lpsr_bench` is `lpsr-bench`."""

from lpsr_core.errors import EntryPoint

main = EntryPoint("lpsr_bench.cli")

if __name__ == "__main__":
    main()
