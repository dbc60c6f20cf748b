"""Low-rank changes of a network's linears (LoRA, Hu et al. 2021, arXiv 2106.09685), and their file as PEFT names it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

PREFIX = "base_model.model."


class Adapted(nn.Module):
    """A frozen linear and what is learnt beside it: W·x + b + B·A·x, with A [rank,inputs] and B [outputs,rank]."""

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        like = dict(dtype=base.weight.dtype, device=base.weight.device)
        self.down = nn.Parameter(torch.empty(rank, base.in_features, **like))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank, **like))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + F.linear(F.linear(x, self.down), self.up)


def attach(network: nn.Module, rank: int, layers: list[str]) -> dict[str, Adapted]:
    """Freezes a network and adapts its linears whose names end so, as in "attn.qkv": all that were found, by name."""
    network.requires_grad_(False)
    found = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and any(name.endswith(layer) for layer in layers)
    }
    for name, linear in found.items():
        adapted = Adapted(linear, min(rank, linear.in_features, linear.out_features))
        network.set_submodule(name, adapted)
        found[name] = adapted
    return found


def parameters(adapter: dict[str, Adapted]) -> dict[str, nn.Parameter]:
    """By the names that PEFT has for them."""
    sides = dict(lora_A="down", lora_B="up")
    return {
        f"{PREFIX}{name}.{side}.weight": getattr(layer, own)
        for name, layer in adapter.items()
        for side, own in sides.items()
    }


@torch.no_grad()
def merge(network: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Adds an adapter, by PEFT's names, to the weights of a network that has none."""
    for name, down in tensors.items():
        layer, side = name.removeprefix(PREFIX).rsplit(".lora_", 1)
        if side == "A.weight":
            up = tensors[f"{PREFIX}{layer}.lora_B.weight"]
            network.get_submodule(layer).weight += (up @ down).to(network.get_submodule(layer).weight)


def write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """In float16, in one piece, with the settings that PEFT and diffusers read; α is the rank of each layer."""
    ranks = {n.removeprefix(PREFIX).removesuffix(".lora_A.weight"): len(v) for n, v in tensors.items() if "lora_A" in n}
    rank = max(ranks.values())
    others = {name: own for name, own in ranks.items() if own != rank}
    settings = dict(peft_type="LORA", r=rank, lora_alpha=rank, rank_pattern=others, alpha_pattern=others, bias="none")
    settings["target_modules"] = sorted(ranks)
    named = {f"transformer.{key}": value for key, value in settings.items()}
    header = metadata | {"format": "pt", "lora_adapter_metadata": json.dumps(named, sort_keys=True)}
    partial = path.with_name(path.name + ".partial")
    halved = {name: value.detach().half().cpu().contiguous() for name, value in tensors.items()}
    save_file(halved, str(partial), metadata=header)
    os.replace(partial, path)
