"""Stage `export`: the model folder that dit-t2i loads, in float16, with goldens computed from exactly those numbers."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor, nn

from ..cache import FACTOR
from ..config import Config
from ..drawing import read_prompts
from ..goldens import Models, write_goldens
from ..models import DiT, T5Encoder, TinyDecoder, TinyEncoder
from ..models import autoencoder as ae
from ..painter import Library
from ..painter.selection import SelectedScenes
from ..painter.wording import STYLE_PHRASES
from ..sprites.pack import Pack
from ..tokens import MAX_TOKENS, Tokens
from ..workspace import Workspace, load

WEIGHTS = "diffusion_pytorch_model.safetensors"
WORD = re.compile(r"[^\W\d_]+")  # a run of letters, as dit-t2i splits prompts


def run(config: Config, workspace: Workspace) -> None:
    autoencoder = load(workspace.need(workspace.result("autoencoder"), "autoencoder"))
    weights = load(workspace.need(workspace.result("transformer"), "transformer"))
    models = Models(
        dit=_halved(DiT.of(weights["cfg"]), weights["ema"]["dit"]),
        text=_halved(T5Encoder(), weights["ema"]["enc"]),
        decoder=_halved(TinyDecoder(), autoencoder["dec"]),
        mean=autoencoder["mean"].float().flatten(),
        std=autoencoder["std"].float().flatten(),
    )
    encoder = _halved(TinyEncoder(), autoencoder["enc"])
    width, height = config.export.size
    folder = workspace.model
    write_folder(folder, models, encoder, weights["names"], workspace.tokenizer, height, width)
    (folder / "vocabulary.txt").write_text("".join(word + "\n" for word in vocabulary(config, workspace)))
    (folder / "limits.json").write_text(json.dumps(limits(config), indent=1) + "\n")
    prompts = read_prompts(config)
    (folder / "showcase.txt").write_text("".join(prompt + "\n" for prompt in prompts))
    tokens = Tokens(workspace.tokenizer)
    write_goldens(folder / "goldens", models, tokens, prompts, weights["names"], (height, width), config.export.steps)
    print(f"export done: {folder}")


def vocabulary(config: Config, workspace: Workspace) -> list[str]:
    """The words of captions, as the transformer was shown them; rare ones may be missing."""
    tokens = Tokens(workspace.tokenizer)
    context = config.transformer.context
    library = Library.of(*Pack.records(workspace.need(workspace.data, "data")))
    scenes = SelectedScenes(library, config.painter, lambda caption: tokens.count(caption) <= context, seed=config.seed)
    captions = (scenes.sample(aspect=1).caption for _ in range(config.export.captions))
    return sorted({word for caption in captions for word in WORD.findall(caption.lower())})


def limits(config: Config) -> dict[str, Any]:
    """What dit-t2i says before it draws what the model cannot. Up to five of a kind are painted, and three of them learnt;
    sides a fifth longer than those of the training still hold together. Of 16 steps the judge sees no difference to 25."""
    sizes = [bucket.size for bucket in config.transformer.buckets]
    areas = [width * height for width, height in sizes]
    return dict(
        language="English",
        counts=3,
        styles=list(STYLE_PHRASES),
        actions=False,
        steps=16,
        sizes=dict(
            smallest=math.isqrt(min(areas)),
            largest=math.isqrt(max(areas)),
            aspect=round(1.2 * max(max(size) / min(size) for size in sizes), 1),
        ),
    )


def _halved(network: nn.Module, state: dict[str, Tensor]) -> Any:
    """With the numbers that the folder will hold."""
    network.load_state_dict({k: v.half().float() for k, v in state.items()})
    return network.eval().requires_grad_(False)


def write_folder(
    folder: Path, models: Models, encoder: TinyEncoder, names: list[str], tokenizer: Path, height: int, width: int
) -> None:
    """diffusers' layout; the transformer and the autoencoder are of our own classes."""
    dit, text = models.dit, models.text
    index = dict(
        _class_name="DiTTextToImagePipeline",
        transformer=["dit_t2i", "DiTTextTransformer2DModel"],
        text_encoder=["transformers", "T5EncoderModel"],
        tokenizer=["transformers", "T5Tokenizer"],
        vae=["dit_t2i", "TinyAutoencoder"],
        scheduler=["diffusers", "DDPMScheduler"],
    )
    _json(folder / "model_index.json", index)
    _json(folder / "classes.json", names)

    sample_size = [height // FACTOR, width // FACTOR]
    _json(
        folder / "transformer/config.json",
        dict(_class_name="DiTTextTransformer2DModel", sample_size=sample_size, **dit.cfg),
    )
    _tensors(folder / "transformer" / WEIGHTS, dit.state_dict())

    t5 = dict(architectures=["T5EncoderModel"], model_type="t5", feed_forward_proj="gated-gelu")
    t5 |= dict(dense_act_fn="gelu_new", is_gated_act=True, layer_norm_epsilon=1e-6, dropout_rate=0.0)
    _json(folder / "text_encoder/config.json", dict(**t5, pad_token_id=0, eos_token_id=1, **text.cfg))
    _tensors(folder / "text_encoder/model.safetensors", text.hugging_face_state())

    vae = dict(
        _class_name="TinyAutoencoder",
        latent_channels=ae.LATENT_CHANNELS,
        decoder_block_out_channels=ae.DECODER_CHANNELS,
        num_decoder_blocks=ae.DECODER_BLOCKS,
        encoder_block_out_channels=ae.ENCODER_CHANNELS,
        num_encoder_blocks=ae.ENCODER_BLOCKS,
        latents_mean=models.mean.tolist(),
        latents_std=models.std.tolist(),
        latent_magnitude=ae.LATENT_MAGNITUDE,
    )
    _json(folder / "vae/config.json", vae)
    parts = dict(decoder=models.decoder, encoder=encoder)
    named = {f"{part}.{k}": v for part, network in parts.items() for k, v in network.state_dict().items()}
    _tensors(folder / "vae" / WEIGHTS, named)

    scheduler = dict(_class_name="DDPMScheduler", num_train_timesteps=1000, beta_schedule="linear", beta_start=1e-4)
    scheduler |= dict(beta_end=0.02, prediction_type="epsilon", variance_type="learned_range", clip_sample=False)
    _json(folder / "scheduler/scheduler_config.json", scheduler)

    special = dict(pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    _json(
        folder / "tokenizer/tokenizer_config.json",
        dict(tokenizer_class="T5Tokenizer", **special, model_max_length=MAX_TOKENS),
    )
    shutil.copy(tokenizer, folder / "tokenizer/spiece.model")


def _json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


def _tensors(path: Path, state: dict[str, Tensor]) -> None:
    halved = {k: v.detach().half().contiguous().clone() for k, v in state.items()}
    save_file(halved, str(path), metadata={"format": "pt"})
