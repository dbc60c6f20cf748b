"""An adapter that was taught, in PEFT and in the program; Tests/peft/run starts this with what it needs.

All of the transformer's output is compared, in float32, and every weight that is merged; then that an adapter with a wrong
scale, place or name would have been noticed.
"""

import copy
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from PIL import Image, ImageDraw
from safetensors import safe_open
from safetensors.torch import load_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Benchmarks"))
import reference  # noqa: E402: the transformer in PyTorch that everything is measured against

PROGRAM = pathlib.Path(sys.argv[1])
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"
# Float32 in another order of sums is below the first (8e-7); what the adapter changes has to be far more.
NEAR, FAR = 5e-6, 1e-3
RANK, SIZE = 4, 64
failures = 0


def check(what, holds, details=""):
    global failures
    failures += not holds
    print(f"{'ok    ' if holds else 'FAILED'}  {what}{'  ' if details else ''}{details}", flush=True)


def run(*arguments, **options):
    return subprocess.run([PROGRAM, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def distance(expected, actual):
    return ((expected - actual).norm() / expected.norm()).item()


def taught(work, model):
    """The adapter of a yellow star, from 24 samples at a rate at which that changes something."""
    pictures = work / "pictures"
    pictures.mkdir()
    for number, (color, size) in enumerate([("gold", 70), ("yellow", 100), ("orange", 55)]):
        picture = Image.new("RGB", (256, 256), "white")
        ImageDraw.Draw(picture).regular_polygon((128, 128, size), 3 + number, 20 * number, color)
        picture.save(pictures / f"{number}.png")
    run("teach", "wuggle", pictures, "--samples", 24, "--rate", 0.05, "--rank", RANK, "--model", model, "--output", work, "-q")
    return work / "wuggle.safetensors"


def case(model, path):
    """What the program's transformer reads and gives in a guided step, all of it: both branches, noise and variance."""
    run("benchmark", "--model", model, "--precision", "f32", input=f"write {SIZE} {path}\n")
    return load_file(path)


def adapted(model, config, tensors):
    """PyTorch's transformer with PEFT's layers in it; and whether each of them found its numbers, and each number its layer."""
    result = get_peft_model(copy.deepcopy(model), config)
    # A start that would be seen: what is not loaded is not zero.
    for name, parameter in result.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter)
    keys = set_peft_model_state_dict(result, tensors)
    return result.eval(), not keys.unexpected_keys and not [key for key in keys.missing_keys if "lora_" in key]


@torch.no_grad()
def main(work):
    base, merged = work / "base", work / "merged"
    run("new", "--config", "micro", "--type", "f32", base, "-q")
    adapter = taught(work, base)
    run("convert", base, merged, "--type", "f32", "--lora", adapter, "-q")
    without, expected = case(base, work / "without.safetensors"), case(merged, work / "with.safetensors")

    folder = reference.Folder(base)
    model, inputs = folder.transformer(expected["latents"].shape[-1]), folder.inputs(expected)
    with safe_open(adapter, "pt") as file:
        settings = json.loads(file.metadata()["lora_adapter_metadata"])
    settings = {name.removeprefix("transformer."): value for name, value in settings.items()}
    tensors = load_file(adapter)

    def output(change=None, **changed):
        held = {name: tensor.float() for name, tensor in tensors.items()}
        other, isWhole = adapted(model, LoraConfig(**(settings | changed)), change(held) if change else held)
        return other(*inputs), isWhole, other

    error = distance(without["output"], model(*inputs))
    check("without the adapter PyTorch and the program agree", error < NEAR, f"{error:.1e}")
    result, isWhole, network = output()
    layers = sum(name.endswith("lora_A.weight") for name in tensors)
    check("PEFT finds a layer for every tensor, and a tensor for every layer", isWhole, f"{layers} layers")
    check("rank and alpha are those that were asked for", settings["r"] == settings["lora_alpha"] == RANK)
    error, change = distance(expected["output"], result), distance(without["output"], expected["output"])
    check("with it they agree in the whole output", error < NEAR, f"{error:.1e} of {tuple(result.shape)}")
    check("and it changes the output", change > FAR, f"{change:.1e}")

    ours = reference.read_weights(merged / WEIGHTS)
    theirs = network.merge_and_unload().state_dict()
    check("merged they have the same tensors", ours.keys() == theirs.keys(), f"{len(ours)}")
    worst, name = max((distance(theirs[name], ours[name]), name) for name in ours if theirs[name].norm() > 0)
    check("and the same numbers", worst < NEAR, f"{worst:.1e}, {name}")

    first, other = (f"base_model.model.blocks.{block}.attn.proj.lora_B.weight" for block in (0, 1))

    def misplaced(held):
        return held | {first: held[other], other: held[first]}

    def without_one(held):
        return held | {first: torch.zeros_like(held[first])}

    def renamed(held):
        return {name.replace("blocks.1.mlp.fc1", "blocks.1.mlp.fc3"): tensor for name, tensor in held.items()}

    for what, arguments in {
        "twice the alpha": dict(lora_alpha=2 * RANK), "a layer left out": dict(change=without_one),
        "two layers in each other's place": dict(change=misplaced),
    }.items():
        error = distance(expected["output"], output(**arguments)[0])
        check(f"{what} would be noticed", error > NEAR, f"{error:.1e}")
    check("a wrong name would be noticed", not output(renamed)[1])


with tempfile.TemporaryDirectory(prefix="dit-t2i-peft-") as folder:
    main(pathlib.Path(folder))
sys.exit(failures > 0)
