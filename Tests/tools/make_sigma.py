#!/usr/bin/env python3
"""Writes the goldens of Tests/Fixtures/pixart/sigma: a tiny PixArt-Σ with norms on queries and keys and, in the blocks that
are named below, compressed keys and values.

    make_sigma.py FOLDER

Needs torch and safetensors. Everything is composed of torch's own layers in float64 (Conv2d with groups, LayerNorm,
scaled_dot_product_attention), from the paper (Chen et al., arXiv 2403.04692) and the semantics of its code; nothing is taken
from this repository. Text is padded and masked here, where the program drops the padding. Timestep features are float32.
"""
import json
import math
import pathlib
import sys

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

WIDTH, DEPTH, HEADS, PATCH, CHANNELS, CAPTION = 16, 3, 2, 2, 4, 10
COMPRESSED = (1, 2)
ROWS, COLUMNS = 5, 6  # an odd number of rows: the last is in no patch of 2x2
SAMPLE, SCALE = 16, 2.0


class SelfAttention(nn.Module):
    def __init__(self, compresses):
        super().__init__()
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.q_norm, self.k_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        if compresses:
            self.sr = nn.Conv2d(WIDTH, WIDTH, kernel_size=2, stride=2, groups=WIDTH)
            self.norm = nn.LayerNorm(WIDTH)

    def fewer(self, x):
        if not hasattr(self, "sr"):
            return x
        image = x.transpose(1, 2).unflatten(2, (ROWS, COLUMNS))
        return self.norm(self.sr(image).flatten(2).transpose(1, 2))

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return self.proj(attend(self.q_norm(q), self.fewer(self.k_norm(k)), self.fewer(v)))


class CrossAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q_linear, self.kv_linear = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x, text, mask):
        k, v = self.kv_linear(text).chunk(2, dim=-1)
        return self.proj(attend(self.q_linear(x), k, v, mask[:, None, None, :]))


def attend(q, k, v, mask=None):
    q, k, v = (x.unflatten(-1, (HEADS, -1)).transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


def mlp(inputs, hidden, outputs):
    return nn.ModuleDict({"fc1": nn.Linear(inputs, hidden), "fc2": nn.Linear(hidden, outputs)})


def through(layers, x):
    return layers["fc2"](F.gelu(layers["fc1"](x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, compresses):
        super().__init__()
        self.attn, self.cross_attn = SelfAttention(compresses), CrossAttention()
        self.mlp = mlp(WIDTH, 4 * WIDTH, WIDTH)
        self.scale_shift_table = nn.Parameter(torch.empty(6, WIDTH))

    def forward(self, x, shared, text, mask):
        rows = (self.scale_shift_table + shared.unflatten(1, (6, WIDTH))).unsqueeze(2).unbind(1)
        shift1, scale1, gate1, shift2, scale2, gate2 = rows
        x = x + gate1 * self.attn(F.layer_norm(x, (WIDTH,), eps=1e-6) * (1 + scale1) + shift1)
        x = x + self.cross_attn(x, text, mask)
        return x + gate2 * through(self.mlp, F.layer_norm(x, (WIDTH,), eps=1e-6) * (1 + scale2) + shift2)


class Sigma(nn.Module):
    def __init__(self):
        super().__init__()
        self.x_embedder = nn.ModuleDict({"proj": nn.Conv2d(CHANNELS, WIDTH, PATCH, PATCH)})
        self.t_embedder = nn.ModuleDict({"mlp": nn.Sequential(nn.Linear(256, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH))})
        self.t_block = nn.Sequential(nn.SiLU(), nn.Linear(WIDTH, 6 * WIDTH))
        self.y_embedder = nn.ModuleDict({"y_proj": mlp(CAPTION, WIDTH, WIDTH)})
        self.blocks = nn.ModuleList(Block(i in COMPRESSED) for i in range(DEPTH))
        self.final_layer = nn.ModuleDict({"linear": nn.Linear(WIDTH, PATCH * PATCH * 2 * CHANNELS)})
        self.final_layer.scale_shift_table = nn.Parameter(torch.empty(2, WIDTH))

    def forward(self, x, t, text, mask):
        seen = {}
        x = self.x_embedder["proj"](x).flatten(2).transpose(1, 2) + positions()
        seen["embed"] = x
        frequencies = torch.exp(-math.log(10000) * torch.arange(128, dtype=torch.float32) / 128)
        angles = t.float()[:, None] * frequencies
        time = self.t_embedder["mlp"](torch.cat([angles.cos(), angles.sin()], 1).double())
        shared = self.t_block(time)
        text = through(self.y_embedder["y_proj"], text)
        for index, block in enumerate(self.blocks):
            x = block(x, shared, text, mask)
            seen[f"block{index}"] = x
        seen["before_final"] = x
        shift, scale = (self.final_layer.scale_shift_table + time[:, None]).unsqueeze(2).unbind(1)
        x = self.final_layer["linear"](F.layer_norm(x, (WIDTH,), eps=1e-6) * (1 + scale) + shift)
        x = x.unflatten(1, (ROWS, COLUMNS)).unflatten(3, (PATCH, PATCH, 2 * CHANNELS))
        seen["output"] = x.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)
        return seen


def positions():
    """Columns in the first half of the channels, rows in the second; sines before cosines."""
    def encode(count):
        at = torch.arange(count, dtype=torch.float64) / (count / (SAMPLE / PATCH)) / SCALE
        omega = 1 / 10000 ** (torch.arange(WIDTH // 4, dtype=torch.float64) / (WIDTH / 4))
        return torch.cat([torch.sin(at[:, None] * omega), torch.cos(at[:, None] * omega)], 1)
    rows = encode(ROWS)[:, None].expand(-1, COLUMNS, -1)
    columns = encode(COLUMNS)[None].expand(ROWS, -1, -1)
    return torch.cat([columns, rows], 2).flatten(0, 1)


def main(folder):
    torch.manual_seed(20261129)
    model = Sigma().double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            fan_in = parameter[0].numel() if parameter.ndim > 1 and "table" not in name else 4
            parameter.normal_(0, fan_in ** -0.5)
            if "norm" in name and name.endswith("weight"):
                parameter.add_(1)
            parameter.copy_(parameter.half())  # what is stored is what is computed with
        x, t = torch.randn(2, CHANNELS, PATCH * ROWS, PATCH * COLUMNS).double(), torch.tensor([412.0, 23.5])
        text, mask = torch.randn(2, 5, CAPTION).double(), torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
        seen = model(x, t, text, mask.bool())
        # Each part of Σ counts: half of it moves the output by a thousand times the tolerance.
        for part in ("q_norm", "k_norm", "sr", "norm"):
            module = getattr(model.blocks[1].attn, part)
            kept = module.weight.clone()
            module.weight.mul_(0.5)
            moved = (model(x, t, text, mask.bool())["output"] - seen["output"]).square().mean() / seen["output"].square().mean()
            assert moved > 1e-6, (part, moved)
            module.weight.copy_(kept)
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.half().contiguous() for k, v in model.state_dict().items()}, folder / "model.safetensors")
    goldens = {"input.x": x.float(), "input.t": t, "input.caption": text.float(), "input.mask": mask.to(torch.uint8)}
    goldens |= {"expected." + name: value.float().contiguous() for name, value in seen.items()}
    save_file(goldens, folder / "forward.safetensors")
    (folder / "config.json").write_text(json.dumps({
        "_class_name": "PixArtTransformer2DModel", "num_attention_heads": HEADS, "attention_head_dim": WIDTH // HEADS,
        "num_layers": DEPTH, "in_channels": CHANNELS, "out_channels": 2 * CHANNELS, "patch_size": PATCH,
        "sample_size": SAMPLE, "caption_channels": CAPTION, "cross_attention_dim": WIDTH,
        "use_additional_conditions": False, "interpolation_scale": SCALE, "norm_type": "ada_norm_single", "norm_eps": 1e-6,
    }, indent=2) + "\n")


if len(sys.argv) != 2:
    sys.exit(__doc__)
main(pathlib.Path(sys.argv[1]))
