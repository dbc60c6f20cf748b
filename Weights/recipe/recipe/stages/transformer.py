"""Stage `transformer`: the diffusion transformer, and the text encoder with it, on latents of painted scenes.

Two phases. Stable: constant rate; for the first part of it half of the tokens skip the middle blocks (TREAD).
Decay: the rate falls to zero, and more picture sizes come in.
"""

from __future__ import annotations

import copy
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import pictures
from ..budget import Clock
from ..cache import Scenes
from ..config import Config
from ..config import Transformer as Options
from ..diffusion import Schedule, training_loss
from ..drawing import Artist, read_prompts
from ..models import DiT, T5Encoder
from ..models.transformer import Route
from ..muon import Muon
from ..painter import Library
from ..painter.selection import narrow
from ..sprites.pack import Pack
from ..start import Start
from ..tokens import EOS, Tokens
from ..training import Average, Trainer, allow_tf32, compiled, precision, set_rate, train, working_type
from ..workspace import Workspace, save
from .text import load_encoder, pool, read_corpus

KEPT = 0.5  # of the tokens, where the others are routed past the middle blocks
REMINDER_SHARE = 0.5  # of a batch: corpus texts that keep the text encoder from forgetting
REMINDER_WEIGHT = 0.05


def run(config: Config, workspace: Workspace, **hooks) -> None:
    if workspace.has("transformer"):
        return
    stable, decay = config.transformer.phases
    train(TransformerTrainer(config, workspace), stable + decay, config, workspace, **hooks)


def class_names(config: Config, workspace: Workspace) -> list[str]:
    return narrow(Library.of(*Pack.records(workspace.need(workspace.data, "data"))), config.painter).classes


def new_transformer(config: Config, classes: int, d_text: int, depth: int = 0) -> DiT:
    """As configured, but for its depth if one is given."""
    options = config.transformer
    return DiT(
        d=options.hidden_size,
        depth=depth or options.depth,
        heads=options.heads,
        base=options.base_grid,
        classes=classes,
        d_text=d_text,
    ).to(config.device)


def reminder_count(options: Options) -> int:
    return round(REMINDER_SHARE * options.batch)


def drop_conditions(ids: Tensor, classes: Tensor, null: int) -> tuple[Tensor, Tensor]:
    """Per sample: 10 % neither text nor class, 70 % text, 8 % both, 12 % class, so that one model serves every mode."""
    u = torch.rand(len(ids), device=ids.device)
    has_class = classes >= 0
    no_text = (u < 0.10) | ((u > 0.88) & has_class)
    no_class = (u < 0.80) | ~has_class
    empty = torch.zeros_like(ids)
    empty[:, 0] = EOS
    return torch.where(no_text[:, None], empty, ids), torch.where(no_class, torch.full_like(classes, null), classes)


class TransformerTrainer(Trainer):
    """Muon for the blocks' matrices, AdamW for the rest."""

    name = "transformer"

    def __init__(self, config: Config, workspace: Workspace) -> None:
        self.config, self.workspace, self.options = config, workspace, config.transformer
        options, device = self.options, config.device
        torch.manual_seed(config.seed)
        allow_tf32(config)
        self.names = class_names(config, workspace)
        self.encoder = load_encoder(workspace, device)
        self.dit = new_transformer(config, len(self.names), self.encoder.cfg["d_model"])
        self.trains_text = options.text_rate > 0
        self.reference, self.reminders = self._reminders() if self.trains_text else (None, None)
        self.encoder.requires_grad_(self.trains_text)
        if options.start:
            Start.read(Path(options.start)).give(self.dit, self.encoder, self.names)
        self.named = [("dit", *item) for item in self.dit.named_parameters()]
        if self.trains_text:
            self.named += [("enc", *item) for item in self.encoder.named_parameters()]
        self.parameters = [parameter for *_, parameter in self.named]
        self.optimizers = self._optimizers()
        self.average = Average(self.parameters, ramp=9)
        self.schedule = Schedule(device)
        stable, decay = options.phases
        together = (stable + decay).amount
        self.decay_from = stable.amount / together if together else 0.0  # of the clock's progress
        self.route = Route(KEPT, 2, options.depth - 2)
        self.scenes = Scenes(config, workspace, self.name)
        for block in self.dit.blocks:
            compiled(block, config)
        if self.trains_text:
            compiled(self.encoder, config)

    def _reminders(self) -> tuple[T5Encoder, Tensor]:
        """The encoder as it is now, and texts on which the trained one shall agree with it."""
        reference = copy.deepcopy(self.encoder).eval().requires_grad_(False)
        tokens = Tokens(self.workspace.need(self.workspace.tokenizer, "tokenizer"))
        texts = read_corpus(self.workspace)[::4]
        return reference, tokens.batch(texts, self.options.context).short().to(self.config.device)

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        options = self.options
        matrices, others, text = [], [], []
        for network, name, parameter in self.named:
            if network == "enc":
                text.append(parameter)
            elif parameter.ndim == 2 and name.startswith("blocks.") and "adaLN" not in name:
                matrices.append(parameter)
            else:
                others.append(parameter)
        groups = [dict(params=others, lr=options.adam_rate)]
        if text:
            groups.append(dict(params=text, lr=options.text_rate))
        muon = Muon(matrices, options.muon_rate, 0.95, weight_decay=0.02, dtype=working_type(self.config.device))
        return [muon, torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.002, fused=True)]

    def step(self, clock: Clock) -> dict[str, Tensor]:
        options, device = self.options, self.config.device
        late = clock.progress >= self.decay_from
        falling = max(0.0, 1 - clock.progress) / max(1 - self.decay_from, 1e-9) if late else 1.0
        set_rate(self.optimizers, min(1.0, (clock.steps + 1) / options.warmup) * falling)
        self.scenes.refill(clock)
        latents, ids, classes = self.scenes.batch(late)
        ids, classes = drop_conditions(ids, classes, len(self.names))
        route = self.route if clock.progress < options.routed * self.decay_from else None
        mask = ids > 0
        with precision(self.config):
            with torch.set_grad_enabled(self.trains_text):
                text = self.encoder(ids, mask)
            loss, error = training_loss(self.dit, self.schedule, latents, (classes, text, mask), route=route)
            reminder = self._forgetting() if self.trains_text else torch.zeros((), device=device)
        (loss + REMINDER_WEIGHT * reminder).backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.average.update(clock.steps + 1, options.average_decay if late else options.average)
        return dict(mse=error.mean(), loss=loss.detach())

    def _forgetting(self) -> Tensor:
        """How far the encoder has moved from where it started, on texts that no caption may have."""
        device = self.config.device
        chosen = torch.randint(0, len(self.reminders), (reminder_count(self.options),), device=device)
        ids = self.reminders[chosen].long()
        mask = ids > 0
        now = pool(self.encoder(ids, mask), mask)
        with torch.no_grad():
            then = pool(self.reference(ids, mask), mask)
        return (1 - F.cosine_similarity(now, then, dim=-1)).mean()

    def state(self) -> dict:
        return dict(
            parameters=[p.detach() for p in self.parameters],
            average=self.average.values,
            optimizers=[optimizer.state_dict() for optimizer in self.optimizers],
            **self.scenes.state(),
        )

    @torch.no_grad()
    def load_state(self, state: dict) -> None:
        for parameter, value in zip(self.parameters, state["parameters"]):
            parameter.copy_(value)
        self.average.load(state["average"])
        for optimizer, values in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(values)
        self.scenes.load_state(state)

    def _weights(self) -> dict:
        """The averaged weights in float16, with all that is needed to use them."""
        weights = dict(dit={}, enc={k: v.half() for k, v in self.encoder.state_dict().items()})
        for (network, name, _), value in zip(self.named, self.average.values):
            weights[network][name] = value.half()
        return dict(ema=weights, classes=len(self.names), names=self.names, cfg=self.dit.cfg)

    def publish(self) -> None:
        save(self._weights(), self.workspace.result("transformer-latest"))

    def finish(self) -> None:
        weights = self._weights()
        save(weights, self.workspace.result("transformer"))
        self.workspace.result("transformer-latest").unlink(missing_ok=True)
        artist = Artist(self.config, self.workspace, weights)
        prompts = read_prompts(self.config)
        pictures.sheet(artist.draw(prompts), self.workspace.picture("transformer-sheet"), captions=prompts)

    def close(self) -> None:
        self.scenes.close()
