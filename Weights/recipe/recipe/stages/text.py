"""Stage `text`: the text encoder learns to say what a sentence encoder says (all-MiniLM-L6-v2, 384 numbers)."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..budget import Budget, Clock
from ..config import Config, ConfigError
from ..models import T5Encoder
from ..tokens import MAX_TOKENS, Tokens
from ..training import Trainer, compiled, precision, set_rate, train
from ..workspace import Workspace, load, save, single

TEACHER_WIDTH = 384
TEACHER_BATCH = 2048


def run(config: Config, workspace: Workspace, **hooks) -> None:
    result = workspace.result("text")
    if config.text.given and not result.exists():
        shutil.copy(config.text.given, result)
    if workspace.has("text"):
        return
    if not config.text.teacher:
        raise ConfigError("text.teacher: name the folder with all-MiniLM-L6-v2 (DATA.md says where it comes from)")
    texts = read_corpus(workspace)
    lessons = teach(Path(config.text.teacher), texts, config.device)
    train(TextTrainer(config, workspace, texts, lessons), Budget.parse(config.text.budget), config, workspace, **hooks)


def read_corpus(workspace: Workspace) -> list[str]:
    return workspace.need(workspace.corpus, "tokenizer").read_text().splitlines()


def load_encoder(workspace: Workspace, device: str) -> T5Encoder:
    state = load(workspace.need(workspace.result("text"), "text"), device)
    encoder = T5Encoder().to(device)
    encoder.load_state_dict(single(state["enc"]))
    return encoder


def pool(states: Tensor, mask: Tensor) -> Tensor:
    """[B,L,d], [B,L] to the mean over tokens [B,d]."""
    return (states.float() * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


@torch.no_grad()
def teach(folder: Path, texts: list[str], device: str) -> Tensor:
    """What the teacher says of each text: [N,384], of length 1, float16. Needs the package `transformers`."""
    try:
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise ConfigError("the teacher needs the package transformers: pip install transformers") from error
    tokenizer = AutoTokenizer.from_pretrained(folder)
    dtype = torch.float16 if device == "cuda" else torch.float32
    model = AutoModel.from_pretrained(folder).to(device, dtype).eval()
    out = torch.zeros(len(texts), TEACHER_WIDTH, dtype=torch.float16, device=device)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # texts of one length together
    for start in range(0, len(order), TEACHER_BATCH):
        chosen = order[start : start + TEACHER_BATCH]
        inputs = tokenizer(
            [texts[i] for i in chosen], padding=True, truncation=True, max_length=64, return_tensors="pt"
        ).to(device)
        states = model(**inputs).last_hidden_state
        mean = pool(states, inputs["attention_mask"])
        out[torch.tensor(chosen, device=device)] = F.normalize(mean, dim=-1).half()
    return out


class Student(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enc = T5Encoder()
        self.head = nn.Linear(self.enc.cfg["d_model"], TEACHER_WIDTH)

    def forward(self, ids: Tensor) -> Tensor:
        mask = ids > 0
        return F.normalize(self.head(pool(self.enc(ids, mask), mask)), dim=-1)


class TextTrainer(Trainer):
    """Cosine distance to the teacher, and telling the right text from the others of the batch."""

    name = "text"

    def __init__(self, config: Config, workspace: Workspace, texts: list[str], lessons: Tensor) -> None:
        self.config, self.workspace, self.options = config, workspace, config.text
        torch.manual_seed(config.seed)
        tokens = Tokens(workspace.need(workspace.tokenizer, "tokenizer"))
        self.ids = tokens.batch(texts, MAX_TOKENS).short().to(config.device)
        self.lessons = lessons
        self.student = Student().to(config.device)
        self.parameters = list(self.student.parameters())
        rate = self.options.learning_rate
        self.optimizer = torch.optim.AdamW(self.parameters, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
        compiled(self.student, config)

    def step(self, clock: Clock) -> dict[str, Tensor]:
        warm = min(1.0, (clock.steps + 1) / self.options.warmup)
        set_rate([self.optimizer], warm * (1 - clock.progress) ** 0.7)
        device = self.config.device
        chosen = torch.randint(0, len(self.ids), (self.options.batch,), device=device)
        ids, target = self.ids[chosen].long(), self.lessons[chosen].float()
        ids = ids[:, : int((ids > 0).sum(1).max())]
        with precision(self.config):
            said = self.student(ids)
        likeness = (said * target).sum(1).mean()
        which = F.cross_entropy(said @ target.T * 20, torch.arange(len(ids), device=device))
        loss = 5 * (1 - likeness) + 0.5 * which
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        return dict(loss=loss.detach(), cosine=likeness.detach())

    def state(self) -> dict:
        return dict(student=self.student.state_dict(), optimizer=self.optimizer.state_dict())

    def load_state(self, state: dict) -> None:
        self.student.load_state_dict(state["student"])
        self.optimizer.load_state_dict(state["optimizer"])

    def finish(self) -> None:
        enc, head = self.student.enc.state_dict(), self.student.head.state_dict()
        save(dict(enc=enc, head=head), self.workspace.result("text"))
