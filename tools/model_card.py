"""The table of released models in docs/model-card.md, made from the cards beside the graphs."""

from __future__ import annotations

from pathlib import Path

from lpsr_core.cards import ROLES, ModelCard

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "model-card.md"
BEGIN, END = "<!-- released models: python -m tools.reference -->", "<!-- end -->"


def model_card() -> str:
    """Return the page with its table as the cards have it.

    Raises:
        ValueError: the page does not hold the two comments between which the table stands.
    """
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    return f"{before}\n\n{released_table()}\n\n{rest}"


def released_table() -> str:
    """Return a Markdown table with a row for each released graph."""
    cards = [ModelCard.load(path) for path in sorted((ROOT / "engines" / "models").glob("*.json"))]
    cards = sorted(
        (card for card in cards if card.precision == "fp32"), key=lambda card: (card.name, ROLES.index(card.role))
    )
    rows = [_row(card) for card in cards]
    heading = "| Model | Parameters | File | Opset | Steps | Earlier trainings | Seed | sha256 |"
    return "\n".join([heading, "|---|---|---|---|---|---|---|---|", *rows])


def _row(card: ModelCard) -> str:
    size = (ROOT / "engines" / "models" / card.file).stat().st_size
    training, lineage = card.made_by["training"], card.made_by.get("begun_from", [])
    cells = (
        f"`{card.name}` {card.role}",
        f"{card.parameters:,}",
        f"{size / 2**20:.1f} MiB",
        card.opset,
        f"{card.made_by['steps_trained']:,}",
        len(lineage) if isinstance(lineage, list) else 1,
        training["seed"],
        f"`{card.sha256[:16]}`",
    )
    return f"| {' | '.join(map(str, cells))} |"
