"""The rate of PyTorch, eager and bfloat16, over a prompt file: what docs/BATCH.md compares with.

    python Benchmarks/batch/pytorch.py MODEL PROMPTS [--batch 2] [--steps 25] [--size 256]

MODEL is a folder of our kind, such as Weights/small. Text encoding, guided steps of DPM-Solver++, decoding and PNG are timed,
loading is not.
"""
import argparse, pathlib, sys, tempfile, time
import torch
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "Weights/recipe"))
from recipe.cache import FACTOR  # noqa: E402
from recipe.config import ConfigError  # noqa: E402
from recipe.diffusion import sample  # noqa: E402
from recipe.drawing import null_condition  # noqa: E402
from recipe.stages.goldens import load  # noqa: E402
from recipe.tokens import Tokens  # noqa: E402


def count(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


parser = argparse.ArgumentParser()
parser.add_argument("model", type=pathlib.Path)
parser.add_argument("prompts")
parser.add_argument("--batch", type=count, default=2)
parser.add_argument("--steps", type=count, default=25)
parser.add_argument("--runs", type=count, default=3)
parser.add_argument("--size", type=count, default=256)
parser.add_argument("--keep", help="folder for the pictures")
options = parser.parse_args()
if options.size % 16:
    parser.error(f"--size {options.size}: expected a multiple of 16")

torch.set_num_threads(2)
try:
    models, names = load(options.model)
    prompts = [line.strip() for line in open(options.prompts) if line.strip() and not line.startswith("#")]
    if options.keep:
        pathlib.Path(options.keep).mkdir(parents=True, exist_ok=True)
except (ConfigError, OSError) as error:
    sys.exit(f"pytorch.py: {error}")
dit, decoder = models.dit.bfloat16(), models.decoder.bfloat16()
mean, std = models.mean.view(1, -1, 1, 1), models.std.view(1, -1, 1, 1)
tokens = Tokens(options.model / "tokenizer/spiece.model")
if not prompts:
    sys.exit(f"pytorch.py: {options.prompts} has no prompts")


def predict(x, *rest):
    """The sampler works in float32; the transformer sees bfloat16."""
    return dit(x.bfloat16(), *rest)


@torch.inference_mode()
@torch.autocast("cpu", torch.bfloat16)
def run(folder):
    start = time.time()
    for first in range(0, len(prompts), options.batch):
        ids = tokens.batch(prompts[first:first + options.batch])
        condition = (torch.full((len(ids),), len(names)), models.text(ids, ids > 0).bfloat16(), ids > 0)
        noise = torch.randn(
            len(ids), dit.channels, options.size // FACTOR, options.size // FACTOR,
            generator=torch.Generator().manual_seed(first))
        latents = sample(predict, noise, condition, null_condition(models.text, condition, len(names)), 4, options.steps)
        pictures = decoder((latents * std + mean).bfloat16()).float().clamp(0, 1)
        for index, picture in enumerate(pictures):
            array = (picture.permute(1, 2, 0) * 255).round().byte().numpy()
            Image.fromarray(array).save(f"{folder}/{first + index}.png")
    return time.time() - start


with tempfile.TemporaryDirectory() as folder:
    best = min(run(options.keep or folder) for _ in range(options.runs))
print(f"batch {options.batch}: {len(prompts)} pictures in {best:.1f} s, {len(prompts) / best * 60:.1f} a minute")
