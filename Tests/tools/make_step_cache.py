#!/usr/bin/env python3
"""Writes the golden of Tests/Fixtures/step-cache: a DDIM run of Tests/Fixtures/pixart/plain with diffusers' first-block cache.

    make_step_cache.py FIXTURES

Needs torch, diffusers and safetensors. The model and its hooks are diffusers', in float64; DDIM is written out. Prints the
group for manifest.json.
"""
import json
import pathlib
import sys

import torch
from diffusers import PixArtTransformer2DModel
from diffusers.hooks import FirstBlockCacheConfig, apply_first_block_cache
from diffusers.hooks.hooks import CacheContext, _set_cache_context
from safetensors.torch import save_file

STEPS, SCALE, THRESHOLD = 14, 3.0, 0.45
TIMESTEPS = [1000 // STEPS * i for i in reversed(range(STEPS))]
ALPHA_BARS = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)


def run(root, inputs):
    model = PixArtTransformer2DModel.from_pretrained(root / "pixart/plain", torch_dtype=torch.float64).eval()
    apply_first_block_cache(model, FirstBlockCacheConfig(threshold=THRESHOLD))
    blocks = []
    model.transformer_blocks[-1].ff.register_forward_hook(lambda *_: blocks.append(1))  # not run where it is skipped
    x, states, noise, computed = inputs["input.x_T"].double(), [], [], {"uncond": [], "cond": []}
    for step, t in enumerate(TIMESTEPS):
        eps = {}
        for name, text in (("uncond", "negative"), ("cond", "prompt")):
            _set_cache_context(model, CacheContext(name))
            before = len(blocks)
            out = model(x, encoder_hidden_states=inputs["input.caption_" + text].double(), timestep=torch.tensor([t]),
                        added_cond_kwargs={"resolution": None, "aspect_ratio": None}, return_dict=False)[0]
            computed[name].append(len(blocks) - before)
            eps[name] = out[:, :4]
        noise.append(torch.stack([eps["uncond"], eps["cond"]]))
        guided = eps["uncond"] + SCALE * (eps["cond"] - eps["uncond"])
        a = ALPHA_BARS[t]
        b = ALPHA_BARS[TIMESTEPS[step + 1]] if step + 1 < STEPS else ALPHA_BARS[0]
        x = b.sqrt() * (x - (1 - a).sqrt() * guided) / a.sqrt() + (1 - b).sqrt() * guided
        states.append(x)
    return torch.stack(states), torch.stack(noise), computed


@torch.no_grad()
def main(root):
    torch.manual_seed(20261129)
    inputs = {"input.x_T": torch.randn(1, 4, 4, 10), "input.caption_prompt": torch.randn(1, 5, 20),
              "input.caption_negative": torch.randn(1, 1, 20)}
    states, noise, computed = run(root, inputs)
    folder = root / "step-cache"
    folder.mkdir(exist_ok=True)
    save_file(inputs | {"expected.x": states.float(), "expected.eps": noise.float()}, folder / "first-block.safetensors")
    case = {
        "tolerance": {"nmse": 1e-8, "max_abs_rel": 5e-4}, "model": "../pixart/plain", "method": "first-block cache",
        "threshold": THRESHOLD, "timesteps": TIMESTEPS, "guidance_scale": SCALE, "contexts": ["uncond", "cond"],
        "computed": computed,
    }
    print(json.dumps({"reference": "diffusers 0.42.1 hooks", "cases": {"first-block.safetensors": case}}))


if len(sys.argv) != 2:
    sys.exit(__doc__)
main(pathlib.Path(sys.argv[1]))
