"""The entry points of `lpsr-run`, which is also `python -m lpsr_run`, and of `lpsr-spool`."""

from lpsr_core.errors import EntryPoint

main = EntryPoint("lpsr_run.cli.run")
spool = EntryPoint("lpsr_run.cli.spool")

if __name__ == "__main__":
    main()
