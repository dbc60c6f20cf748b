"""Texts to token ids, as the model sees them."""

from __future__ import annotations

from pathlib import Path

import sentencepiece
import torch
from torch import Tensor

PAD, EOS, UNKNOWN = 0, 1, 2
MAX_TOKENS = 48  # of a prompt, with its eos


class Tokens:
    """A SentencePiece model; every text ends with eos."""

    def __init__(self, model: Path) -> None:
        self.processor = sentencepiece.SentencePieceProcessor(model_file=str(model))

    def ids(self, text: str) -> list[int]:
        return [*self.processor.encode(text), EOS]

    def count(self, text: str) -> int:
        return len(self.ids(text))

    def batch(self, texts: list[str], length: int | None = None) -> Tensor:
        """[N,length] long, padded with 0 and cut to `length`; as long as the longest unless given."""
        rows = [[*ids[: (length or MAX_TOKENS) - 1], EOS] for ids in self.processor.encode(texts)]
        out = torch.zeros(len(rows), length or max(map(len, rows)), dtype=torch.long)
        for row, ids in zip(out, rows):
            row[: len(ids)] = torch.tensor(ids)
        return out
