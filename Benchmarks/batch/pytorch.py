"""The rate of PyTorch, eager and bfloat16, over a prompt file: what docs/BATCH.md compares with.

    python Benchmarks/batch/pytorch.py RECIPE PROMPTS [--batch 4] [--steps 25] [--size 128]

RECIPE is the folder with models.py, diffusion.py and spiece.model (Weights/recipe). The architecture is that of `tiny`
with random weights, which cost the same; text encoding, 25 guided steps of DPM-Solver++, decoding and PNG are timed,
loading is not.
"""
import argparse, sys, tempfile, time
import numpy as np, torch
import sentencepiece
from PIL import Image

parser = argparse.ArgumentParser()
parser.add_argument("recipe")
parser.add_argument("prompts")
parser.add_argument("--batch", type=int, default=4)
parser.add_argument("--steps", type=int, default=25)
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--size", type=int, default=128)
options = parser.parse_args()
sys.path.insert(0, options.recipe)
import diffusion, models  # noqa: E402

torch.set_num_threads(2)
tokenizer = sentencepiece.SentencePieceProcessor(model_file=f"{options.recipe}/spiece.model")
dit = models.DiT(d=256, depth=8, heads=4, base=8, classes=47).bfloat16().eval()
text = models.T5Encoder().eval()
decoder = models.TinyDecoder().bfloat16().eval()
lines = [line.strip() for line in open(options.prompts)]
prompts = [line for line in lines if line and not line.startswith("#")]


def encode(texts):
    pieces = [t[:47] + [1] for t in tokenizer.encode(texts)]
    length = max(map(len, pieces))
    ids = torch.zeros(len(pieces), length, dtype=torch.long)
    for row, piece in enumerate(pieces):
        ids[row, :len(piece)] = torch.tensor(piece)
    return text(ids, ids > 0).bfloat16(), ids > 0


class Float(torch.nn.Module):
    """The sampler works in float32; the transformer sees bfloat16."""
    def forward(self, x, *rest):
        return dit(x.bfloat16(), *rest)


@torch.inference_mode()
@torch.autocast("cpu", torch.bfloat16)
def run(folder):
    start = time.time()
    for first in range(0, len(prompts), options.batch):
        part = prompts[first:first + options.batch]
        states, mask = encode(part)
        empty, _ = encode([""])
        none = torch.zeros_like(states)
        none[:, :1] = empty
        none_mask = torch.zeros_like(mask)
        none_mask[:, 0] = True
        null = torch.full((len(part),), 47)
        latents = diffusion.sample(
            Float(), (len(part), models.LATENT, options.size // 8, options.size // 8), (null, states, mask),
            (null, none, none_mask), 3.0, options.steps, "cpu", first)
        pictures = decoder(latents.bfloat16()).float().clamp(0, 1)
        for index, picture in enumerate(pictures):
            array = (picture.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
            Image.fromarray(array).save(f"{folder}/{first + index}.png")
    return time.time() - start


with tempfile.TemporaryDirectory() as folder:
    best = min(run(folder) for _ in range(options.runs))
print(f"batch {options.batch}: {len(prompts)} pictures in {best:.1f} s, {len(prompts) / best * 60:.1f} a minute")
