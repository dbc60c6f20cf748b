"""The same network in PyTorch: what dit-t2i is measured against, reading the same safetensors.

Written for speed as a PyTorch user would write it: fused qkv, scaled_dot_product_attention, one [B, L] mask.
"""

import json
import math
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F


def read_weights(path):
    """Tensors as float32; an int8 tensor has its scales, one a row, beside it in NAME.scale."""
    stored = load_file(path)
    weights = {}
    for name, tensor in stored.items():
        if name.endswith(".scale") and stored.get(name.removesuffix(".scale"), tensor).dtype == torch.int8:
            continue
        value = tensor.float()
        if tensor.dtype == torch.int8:
            value = value * stored[name + ".scale"].view(-1, *[1] * (value.dim() - 1))
        weights[name] = value
    return weights


# ---------------------------------------------------------------- transformer


class RMSNorm(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        wide = x.float()
        return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).to(x.dtype) * self.weight


class Attention(nn.Module):
    def __init__(self, size, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(size, 3 * size)
        self.proj = nn.Linear(size, size)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, d))


class CrossAttention(nn.Module):
    def __init__(self, size, text_size, heads):
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(size, size)
        self.kv = nn.Linear(text_size, 2 * size)
        self.proj = nn.Linear(size, size)

    def forward(self, x, text, bias):
        b, t, d = x.shape
        q = self.q(x).view(b, t, self.heads, -1).transpose(1, 2)
        k, v = self.kv(text).view(b, text.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(F.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).reshape(b, t, d))


class MLP(nn.Module):
    def __init__(self, size, hidden):
        super().__init__()
        self.fc1 = nn.Linear(size, hidden)
        self.fc2 = nn.Linear(hidden, size)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, size, heads, text_size, ratio):
        super().__init__()
        self.norm = nn.LayerNorm(size, elementwise_affine=False, eps=1e-6)
        self.attn = Attention(size, heads)
        self.cross = CrossAttention(size, text_size, heads)
        self.mlp = MLP(size, int(size * ratio))
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(size, 6 * size))

    def forward(self, x, condition, text, bias):
        shift1, scale1, gate1, shift2, scale2, gate2 = self.adaLN_modulation(condition)[:, None].chunk(6, -1)
        x = x + gate1 * self.attn(self.norm(x) * (1 + scale1) + shift1)
        x = x + self.cross(self.norm(x), text, bias)
        return x + gate2 * self.mlp(self.norm(x) * (1 + scale2) + shift2)


class DiT(nn.Module):
    """latents [B, C, h, w], features of the timestep [B, 256], class [B], text [B, L, D] -> [B, 2·C, h, w]"""

    def __init__(self, config, side):
        super().__init__()
        d, p, c = config["hidden_size"], config["patch_size"], config["in_channels"]
        self.patch, self.channels, self.grid = p, c, side // p
        self.x_embedder = nn.Conv2d(c, d, p, p)
        self.t_mlp = nn.Sequential(nn.Linear(256, d), nn.SiLU(), nn.Linear(d, d))
        self.y_table = nn.Embedding(config["num_classes"] + 1, d)
        self.text_norm = RMSNorm(config["text_dim"])
        self.blocks = nn.ModuleList(
            Block(d, config["num_heads"], config["text_dim"], config["mlp_ratio"]) for _ in range(config["depth"])
        )
        self.norm_final = nn.LayerNorm(d, elementwise_affine=False, eps=1e-6)
        self.ada_final = nn.Sequential(nn.SiLU(), nn.Linear(d, 2 * d))
        self.linear_final = nn.Linear(d, p * p * 2 * c)
        self.register_buffer("positions", positions(d, self.grid, config["base_grid"]), persistent=False)

    def forward(self, latents, features, label, text, bias):
        b, p, g = latents.shape[0], self.patch, self.grid
        x = self.x_embedder(latents).flatten(2).transpose(1, 2) + self.positions
        condition = self.t_mlp(features) + self.y_table(label)
        text = self.text_norm(text)
        for block in self.blocks:
            x = block(x, condition, text, bias)
        shift, scale = self.ada_final(condition)[:, None].chunk(2, -1)
        x = self.linear_final(self.norm_final(x) * (1 + scale) + shift)
        return x.view(b, g, g, p, p, 2 * self.channels).permute(0, 5, 1, 3, 2, 4).reshape(b, -1, g * p, g * p)


def positions(size, grid, base):
    """Fixed sin-cos positions [grid², size] of a square grid, columns first."""
    at = (torch.arange(grid, dtype=torch.float64) - (grid - 1) / 2) * (base / grid) + (base - 1) / 2
    frequencies = 10000.0 ** (-torch.arange(size // 4, dtype=torch.float64) / (size / 4))
    waves = torch.cat([torch.sin(at[:, None] * frequencies), torch.cos(at[:, None] * frequencies)], -1)
    columns, rows = waves[None].expand(grid, -1, -1), waves[:, None].expand(-1, grid, -1)
    return torch.cat([columns, rows], -1).reshape(grid * grid, size).float()


def timestep_features(timestep, batch):
    angles = timestep * torch.exp(-math.log(10000) * torch.arange(128, dtype=torch.float32) / 128)
    return torch.cat([angles.cos(), angles.sin()])[None].repeat(batch, 1)


# ---------------------------------------------------------------- decoder


class DecoderBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        layers = [nn.Conv2d(channels, channels, 3, padding=1) for _ in range(3)]
        self.conv = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])

    def forward(self, x):
        return F.relu(self.conv(x) + x)


class Decoder(nn.Module):
    """latents [B, C, h, w] -> picture [B, 3, 8·h, 8·w] in 0…1"""

    def __init__(self, config):
        super().__init__()
        channels, counts = config["decoder_block_out_channels"], config["num_decoder_blocks"]
        layers = [nn.Conv2d(config["latent_channels"], channels[0], 3, padding=1), nn.ReLU()]
        for level, count in enumerate(counts):
            layers += [DecoderBlock(channels[level]) for _ in range(count)]
            if level + 1 < len(counts):
                layers += [nn.Upsample(scale_factor=2)]
                layers += [nn.Conv2d(channels[level], channels[level + 1], 3, padding=1, bias=False)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels[-1], 3, 3, padding=1))
        ones = [1.0] * config["latent_channels"]
        self.register_buffer("std", torch.tensor(config.get("latents_std") or ones).view(1, -1, 1, 1), persistent=False)
        mean = torch.tensor(config.get("latents_mean") or [0.0] * len(ones)).view(1, -1, 1, 1)
        self.register_buffer("mean", mean, persistent=False)

    def forward(self, z):
        return self.layers(torch.tanh((z * self.std + self.mean) / 3) * 3)


# ---------------------------------------------------------------- a model folder


class Folder:
    """The parts of a model folder, and the inputs of a step that dit-t2i wrote (`write SIZE FILE`)."""

    def __init__(self, path):
        self.path = Path(path)

    def config(self, part):
        return json.loads((self.path / part / "config.json").read_text())

    def transformer(self, side):
        model = DiT(self.config("transformer"), side)
        weights = read_weights(self.path / "transformer/diffusion_pytorch_model.safetensors")
        model.load_state_dict(weights)
        return model.eval()

    def decoder(self):
        model = Decoder(self.config("vae"))
        weights = read_weights(self.path / "vae/diffusion_pytorch_model.safetensors")
        model.load_state_dict({k.removeprefix("decoder."): v for k, v in weights.items() if k.startswith("decoder.")})
        return model.eval()

    def inputs(self, case, count=1):
        """Arguments of the transformer for a guided step of `count` pictures: conditional ones, then unconditional ones."""
        text, null = case["text"], case["null"]
        null = torch.cat([null, torch.zeros(len(text) - len(null), null.shape[1])])
        mask = torch.zeros(2, len(text))
        mask[1, len(case["null"]) :] = -torch.inf
        latents = case["latents"][:1].repeat(2 * count, 1, 1, 1)
        twice = torch.stack([text, null]).repeat_interleave(count, 0)
        bias = mask.repeat_interleave(count, 0)[:, None, None]
        label = torch.full((2 * count,), self.config("transformer")["num_classes"])
        return latents, timestep_features(case["timestep"], 2 * count), label, twice, bias


def guide(output, scale=3.0):
    noise = output[:, : output.shape[1] // 2]
    conditional, unconditional = noise.chunk(2)
    return unconditional + scale * (conditional - unconditional)
