#!/usr/bin/env python3
"""Writes weights of the published sizes, to measure loading and memory with: the numbers mean nothing.

    make_large.py dit FILE      DiT-XL/2, official names, random bf16, 1.35 GB
    make_large.py pixart FILE   PixArt-XL/2, original names, random bf16, 1.2 GB
    make_large.py t5 FOLDER     T5-XXL's encoder, two shards of zeros that take no disk, 9.5 GB

Needs nothing but Python. The files are safetensors; this program recognises them by their tensors.
"""
import json
import os
import random
import struct
import sys


def dit():
    d, depth, p, c = 1152, 28, 2, 4
    yield from linear("t_embedder.mlp.0", d, 256)
    yield from linear("t_embedder.mlp.2", d, d)
    yield "x_embedder.proj.weight", [d, c, p, p]
    yield "x_embedder.proj.bias", [d]
    yield "y_embedder.embedding_table.weight", [1001, d]
    yield "pos_embed", [1, 256, d]
    for i in range(depth):
        yield from block(f"blocks.{i}.", d)
        yield from linear(f"blocks.{i}.adaLN_modulation.1", 6 * d, d)
    yield from linear("final_layer.adaLN_modulation.1", 2 * d, d)
    yield from linear("final_layer.linear", p * p * 2 * c, d)


def pixart():
    d, depth, p, c = 1152, 28, 2, 4
    yield "x_embedder.proj.weight", [d, c, p, p]
    yield "x_embedder.proj.bias", [d]
    yield "pos_embed", [1, 256, d]
    yield "y_embedder.y_embedding", [120, 4096]
    yield from linear("t_embedder.mlp.0", d, 256)
    yield from linear("t_embedder.mlp.2", d, d)
    yield from linear("t_block.1", 6 * d, d)
    yield from linear("y_embedder.y_proj.fc1", d, 4096)
    yield from linear("y_embedder.y_proj.fc2", d, d)
    for i in range(depth):
        name = f"blocks.{i}."
        yield name + "scale_shift_table", [6, d]
        yield from block(name, d)
        yield from linear(name + "cross_attn.q_linear", d, d)
        yield from linear(name + "cross_attn.kv_linear", 2 * d, d)
        yield from linear(name + "cross_attn.proj", d, d)
    yield "final_layer.scale_shift_table", [2, d]
    yield from linear("final_layer.linear", p * p * 2 * c, d)


def linear(name, outputs, inputs):
    yield name + ".weight", [outputs, inputs]
    yield name + ".bias", [outputs]


def block(name, d):
    yield from linear(name + "attn.qkv", 3 * d, d)
    yield from linear(name + "attn.proj", d, d)
    yield from linear(name + "mlp.fc1", 4 * d, d)
    yield from linear(name + "mlp.fc2", d, 4 * d)


def t5(layers):
    d, inner, wide = 4096, 4096, 10240
    for i in layers:
        name = f"encoder.block.{i}.layer."
        for part in "qkv":
            yield f"{name}0.SelfAttention.{part}.weight", [inner, d]
        yield name + "0.SelfAttention.o.weight", [d, inner]
        if i == 0:
            yield name + "0.SelfAttention.relative_attention_bias.weight", [32, 64]
        yield name + "0.layer_norm.weight", [d]
        for part in ["wi_0", "wi_1"]:
            yield f"{name}1.DenseReluDense.{part}.weight", [wide, d]
        yield name + "1.DenseReluDense.wo.weight", [d, wide]
        yield name + "1.layer_norm.weight", [d]


def write(path, tensors, fill):
    header, offset = {}, 0
    for name, shape in tensors:
        count = 1
        for n in shape:
            count *= n
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + 2 * count]}
        offset += 2 * count
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        if fill:
            source = random.Random(1)
            numbers = struct.pack(f"<{1 << 20}f", *(source.gauss(0, 0.03) for _ in range(1 << 20)))
            halves = b"".join(numbers[i + 2:i + 4] for i in range(0, len(numbers), 4))
            left = offset
            while left > 0:
                start = 2 * source.randrange(1 << 19)
                piece = halves[start:start + left]
                file.write(piece)
                left -= len(piece)
        else:
            file.truncate(8 + len(text) + offset)
    return header


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("dit", "pixart", "t5"):
        sys.exit(__doc__)
    kind, path = sys.argv[1:]
    if kind != "t5":
        write(path, {"dit": dit, "pixart": pixart}[kind](), fill=True)
        return
    os.makedirs(path)
    shards = [
        [("shared.weight", [32128, 4096]), *t5(range(12))],
        [*t5(range(12, 24)), ("encoder.final_layer_norm.weight", [4096])],
    ]
    places = {}
    for number, tensors in enumerate(shards, 1):
        name = f"model-0000{number}-of-00002.safetensors"
        for tensor in write(os.path.join(path, name), tensors, fill=False):
            places[tensor] = name
    with open(os.path.join(path, "model.safetensors.index.json"), "w") as file:
        json.dump({"metadata": {}, "weight_map": places}, file)
    config = {
        "vocab_size": 32128, "d_model": 4096, "num_layers": 24, "num_heads": 64, "d_kv": 64, "d_ff": 10240,
        "feed_forward_proj": "gated-gelu",
    }
    with open(os.path.join(path, "config.json"), "w") as file:
        json.dump(config, file)


main()
