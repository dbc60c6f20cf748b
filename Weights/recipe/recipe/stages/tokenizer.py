"""Stage `tokenizer`: a SentencePiece model with T5's special ids, and the corpus that the text encoder learns from."""

from __future__ import annotations

import lzma
import random
import shutil
import tempfile
from pathlib import Path

import sentencepiece

from ..config import Config
from ..painter import Library, SceneSampler
from ..sprites.pack import Pack
from ..tokens import EOS, PAD, UNKNOWN
from ..workspace import Workspace

SEED = 7
PIECES_FROM = 120_000  # captions, and as many glosses, that the pieces are made from
CORPUS_CAPTIONS = 60_000
LONGEST_GLOSS = 160  # characters


def run(config: Config, workspace: Workspace) -> None:
    options = config.tokenizer
    if not workspace.corpus.exists() or not workspace.tokenizer.exists():
        texts = _Texts(config, workspace.need(workspace.data, "data"))
        if options.corpus:
            _unpack(Path(options.corpus), workspace.corpus)
        else:
            workspace.corpus.write_text("".join(line + "\n" for line in texts.corpus()))
        if options.given:
            shutil.copy(options.given, workspace.tokenizer)
        else:
            _train(texts.sentences(), options.vocabulary, workspace.tokenizer)
    count = workspace.corpus.read_bytes().count(b"\n")
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(workspace.tokenizer)).get_piece_size()
    print(f"tokenizer done: {pieces} pieces, corpus of {count} lines")


def _unpack(source: Path, to: Path) -> None:
    opener = lzma.open if source.suffix == ".xz" else open
    with opener(source, "rb") as file, open(to, "wb") as out:
        shutil.copyfileobj(file, out)


def _train(sentences: list[str], vocabulary: int, to: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "sentences.txt")
        text.write_text("".join(s[:300] + "\n" for s in sentences))
        sentencepiece.SentencePieceTrainer.train(
            input=str(text),
            model_prefix=str(Path(folder, "spiece")),
            vocab_size=vocabulary,
            model_type="unigram",
            normalization_rule_name="nmt_nfkc_cf",
            pad_id=PAD,
            eos_id=EOS,
            unk_id=UNKNOWN,
            bos_id=-1,
            character_coverage=0.9999,
            num_threads=2,
            minloglevel=2,
        )
        shutil.copy(Path(folder, "spiece.model"), to)


class _Texts:
    """Captions of random scenes, the names of things, and WordNet's words and glosses where it is at hand."""

    def __init__(self, config: Config, data: Path) -> None:
        self.options = config.tokenizer
        self.sampler = SceneSampler(Library.of(*Pack.records(data)), SEED)
        concepts = self.sampler.library.concepts.values()
        self.names = [c.concept for c in concepts] + [s for c in concepts for s in c.synonyms]
        self._captions: list[str] = []
        folder = self.options.wordnet
        self.lemmas, self.glosses = wordnet(Path(folder)) if folder else ([], [])
        random.Random(0).shuffle(self.glosses)

    @property
    def captions(self) -> list[str]:
        if not self._captions:
            self._captions = [self.sampler.sample().caption for _ in range(self.options.captions)]
        return self._captions

    def sentences(self) -> list[str]:
        """What the pieces are made from; names count twenty times."""
        return self.captions[:PIECES_FROM] + self.glosses[:PIECES_FROM] + self.lemmas + self.names * 20

    def corpus(self) -> list[str]:
        glosses = [gloss[:LONGEST_GLOSS] for gloss in self.glosses]
        return list(dict.fromkeys(self.names + self.captions[:CORPUS_CAPTIONS] + self.lemmas + glosses))


def wordnet(folder: Path) -> tuple[list[str], list[str]]:
    """The nouns of WordNet 3.0, and the glosses of every word class, from its data files."""
    lemmas, glosses = [], []
    for kind in ("noun", "verb", "adj", "adv"):
        for line in (folder / f"data.{kind}").read_text(errors="ignore").splitlines():
            if line.startswith(" "):  # the licence, at the top
                continue
            head, _, gloss = line.partition(" | ")
            fields = head.split()
            count = int(fields[3], 16)
            words = [fields[4 + 2 * i].replace("_", " ").split("(")[0] for i in range(count)]
            gloss = gloss.split('; "')[0].strip()
            glosses.append(gloss)
            if kind == "noun":
                lemmas += words
                glosses.append(f"{words[0]}: {gloss}")
    return sorted(set(lemmas)), glosses
