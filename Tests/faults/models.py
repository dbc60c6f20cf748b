"""Small models of each family, for Tests/faults: their files, and the commands that read them."""
import array
import json
import math
import os
import random
import shutil
import struct
import subprocess

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Fixtures")
WORDS = "a fox in deep snow, and more words than there are buckets"
DRAW = [WORDS, "--steps", "1", "-o", "x.png"]


def safetensors(path, shapes):
    """Random numbers of these shapes."""
    dice, header, data = random.Random(1), {}, b""
    for name, shape in shapes.items():
        numbers = array.array("f", (dice.gauss(0, 0.5) for _ in range(math.prod(shape))))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * len(numbers)]}
        data += numbers.tobytes()
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def linear(name, outputs, inputs, bias=True):
    return {f"{name}.weight": [outputs, inputs]} | ({f"{name}.bias": [outputs]} if bias else {})


def norm(name, size):
    return {f"{name}.weight": [size], f"{name}.bias": [size]}


def write(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        json.dump(value, file)


def uni_diffuser(folder):
    """A UniDiffuser as diffusers keeps one: U-ViT, caption decoder, CLIP's tower for pictures, autoencoder."""
    d, words, text, clip = 12, 3, 6, 31
    write(f"{folder}/model_index.json", {"_class_name": "UniDiffuserPipeline"})
    shutil.copytree(f"{FIXTURES}/uvit-t2i/b/vae", f"{folder}/vae")
    shutil.copytree(f"{FIXTURES}/clip-vision/gelu", f"{folder}/image_encoder")
    write(f"{folder}/clip_image_processor/preprocessor_config.json", {
        "size": {"shortest_edge": 10}, "crop_size": {"height": 10, "width": 10}, "resample": 3,
        "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.25], "rescale_factor": 1 / 255})
    write(f"{folder}/unet/config.json", {
        "_class_name": "UniDiffuserModel", "num_attention_heads": 2, "attention_head_dim": d // 2, "num_layers": 2,
        "patch_size": 2, "in_channels": 4, "sample_size": 4, "num_text_tokens": words, "text_dim": text, "clip_img_dim": clip,
        "use_data_type_embedding": True})
    shapes = {"patch_embed.proj.weight": [d, 4, 2, 2], "patch_embed.proj.bias": [d], "token_embedding.weight": [2, d],
              "pos_embed_token": [1, 1, d], "pos_embed": [1, 3 + words + 4, d]}
    shapes |= linear("text_embed", d, text) | linear("clip_img_embed", d, clip) | norm("norm", d)
    shapes |= linear("decoder_pred", 16, d) | linear("text_out", text, d) | linear("clip_img_out", clip, d)
    shapes |= linear("out_blocks.0.skip_linear", d, 2 * d) | norm("out_blocks.0.norm1", d)
    for block in ("in_blocks.0", "mid_block", "out_blocks.0"):
        shapes |= linear(f"{block}.attn.qkv", 3 * d, d, bias=False) | linear(f"{block}.attn.proj", d, d)
        shapes |= linear(f"{block}.mlp.fc1", 4 * d, d) | linear(f"{block}.mlp.fc2", d, 4 * d)
        shapes |= norm(f"{block}.norm2", d) | norm(f"{block}.norm3", d)
    safetensors(f"{folder}/unet/diffusion_pytorch_model.safetensors", shapes)
    pieces = ["a", "\u0120", "red", "fox", "in", "snow", ".", "<|EOS|>"]
    write(f"{folder}/text_tokenizer/vocab.json", {piece: number for number, piece in enumerate(pieces)})
    write(f"{folder}/text_decoder/config.json", {
        "prefix_length": words, "prefix_inner_dim": 8, "prefix_hidden_dim": text, "n_embd": d, "n_layer": 1, "n_head": 3,
        "n_positions": 16, "vocab_size": len(pieces), "layer_norm_epsilon": 1e-5})
    net, block = "transformer.transformer", "transformer.transformer.h.0"
    shapes = linear("encode_prefix", text, 8) | linear("decode_prefix", d, text) | norm(f"{net}.ln_f", d)
    shapes |= {f"{net}.wte.weight": [len(pieces), d], f"{net}.wpe.weight": [16, d]}
    shapes |= norm(f"{block}.ln_1", d) | norm(f"{block}.ln_2", d)
    for name, inputs, outputs in (
        ("attn.c_attn", d, 3 * d), ("attn.c_proj", d, d), ("mlp.c_fc", d, 4 * d), ("mlp.c_proj", 4 * d, d),
    ):
        shapes |= {f"{block}.{name}.weight": [inputs, outputs], f"{block}.{name}.bias": [outputs]}
    safetensors(f"{folder}/text_decoder/diffusion_pytorch_model.safetensors", shapes)


def adapter(folder):
    """An adapter of `micro` as PEFT keeps one."""
    name = "base_model.model.blocks.0.attn.qkv"
    write(f"{folder}/adapter_config.json", {
        "peft_type": "LORA", "r": 2, "lora_alpha": 4, "rank_pattern": {"qkv": 2}, "alpha_pattern": {"qkv": 1.5},
        "target_modules": ["qkv"], "use_rslora": False})
    safetensors(f"{folder}/adapter_model.safetensors", {f"{name}.lora_A.weight": [2, 48], f"{name}.lora_B.weight": [144, 2]})


def small_models(program, work):
    """(folder whose configurations count, commands that read it): `{}` in them stands for the folder."""
    def made(*arguments):
        subprocess.run([program, *arguments, "--quiet"], stdout=subprocess.DEVNULL, check=True)

    micro, uvit, pixart, captions, lora = (os.path.join(work, name) for name in ("micro", "uvit", "pixart", "uni", "lora"))
    made("new", "--config", "micro", micro)
    parts = f"{FIXTURES}/uvit-t2i/b"
    made("convert", f"{parts}/uvit", uvit, "--text-encoder", f"{parts}/text_encoder", "--vae", f"{parts}/vae")
    uni_diffuser(captions)
    adapter(lora)
    picture = os.path.join(work, "picture.png")
    made("a fox", "--model", micro, "--steps", "1", "--size", "64", "-o", picture)
    draw, inspect = DRAW + ["--model", "{}"], ["inspect", "{}"]
    return [
        (micro, [draw + ["--size", "64"], inspect]), (uvit, [draw, inspect]),
        (captions, [["caption", picture, "--model", "{}", "--steps", "2"], inspect]),
        (lora, [DRAW + ["--size", "64", "--model", micro, "--lora", "{}"], ["inspect", micro, "--lora", "{}"]]),
    ]
