"""SANA-Sprint of 0.6 billion parameters with random weights: ours beside diffusers' own modules."""

import json
import shutil

import theirs
import torch
from diffusers import AutoencoderDC, SanaTransformer2DModel
from ours import ROOT
from safetensors.torch import save_file

# As Efficient-Large-Model/Sana_Sprint_0.6B_1024px_diffusers has them.
TRANSFORMER = dict(
    in_channels=32, out_channels=32, num_attention_heads=36, attention_head_dim=32, num_layers=28,
    num_cross_attention_heads=16, cross_attention_head_dim=72, cross_attention_dim=1152, caption_channels=2304,
    mlp_ratio=2.5, sample_size=32, patch_size=1, guidance_embeds=True, qk_norm="rms_norm_across_heads", timestep_scale=1.0)
BLOCKS = ["ResBlock"] * 3 + ["EfficientViTBlock"] * 3
AUTOENCODER = dict(
    encoder_block_types=BLOCKS, decoder_block_types=BLOCKS, encoder_layers_per_block=(2, 2, 2, 3, 3, 3),
    decoder_layers_per_block=(3, 3, 3, 3, 3, 3), encoder_qkv_multiscales=((), (), (), (5,), (5,), (5,)),
    decoder_qkv_multiscales=((), (), (), (5,), (5,), (5,)), upsample_block_type="interpolate", downsample_block_type="conv",
    scaling_factor=0.41407)
# As the program's `inspect` counts them at 1024 × 1024: a step, and the decoder.
MACS = {"step": 518e9, "decode": 4184e9}


def write(folder):
    """The model as it is published, but for its text encoder: one layer of Gemma 2 with a small vocabulary."""
    torch.manual_seed(0)
    SanaTransformer2DModel(**TRANSFORMER).to(torch.bfloat16).save_pretrained(folder / "transformer")
    AutoencoderDC(**AUTOENCODER).to(torch.bfloat16).save_pretrained(folder / "vae")
    size, heads, keys, head, inner, words = 2304, 8, 4, 256, 9216, 1100
    shapes = {
        "self_attn.q_proj": (heads * head, size), "self_attn.k_proj": (keys * head, size), "self_attn.v_proj": (keys * head, size),
        "self_attn.o_proj": (size, heads * head), "mlp.gate_proj": (inner, size), "mlp.up_proj": (inner, size),
        "mlp.down_proj": (size, inner)}
    norms = ["input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"]
    tensors = {f"layers.0.{name}.weight": torch.randn(shape) / shape[1]**0.5 for name, shape in shapes.items()}
    tensors |= {f"layers.0.{name}.weight": torch.zeros(size) for name in norms} | {"norm.weight": torch.zeros(size)}
    tensors["embed_tokens.weight"] = torch.randn(words, size)
    (folder / "text_encoder").mkdir()
    save_file({name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}, folder / "text_encoder/model.safetensors")
    texts = {
        "text_encoder/config.json": dict(
            architectures=["Gemma2Model"], model_type="gemma2", vocab_size=words, hidden_size=size, num_hidden_layers=1,
            num_attention_heads=heads, num_key_value_heads=keys, head_dim=head, intermediate_size=inner),
        "scheduler/scheduler_config.json": dict(
            _class_name="SCMScheduler", num_train_timesteps=1000, prediction_type="trigflow", sigma_data=0.5),
        "model_index.json": dict(_class_name="SanaSprintPipeline")}
    for path, text in texts.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(json.dumps(text))
    (folder / "tokenizer").mkdir()
    shutil.copy(ROOT / "Tests/Fixtures/gemma-tokenizer/tokenizer.model", folder / "tokenizer/tokenizer.model")


def competitors(folder, dtype, text_tokens):
    """Functions of diffusers' modules, compiled: one step, and the decoder, at 1024 × 1024."""
    step = SanaTransformer2DModel.from_pretrained(folder / "transformer", torch_dtype=torch.float32).eval()
    decoder = AutoencoderDC.from_pretrained(folder / "vae", torch_dtype=torch.float32).eval().decoder
    latents = torch.randn(1, 32, 32, 32)

    class Step(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = step

        def forward(self, latents, text, guidance, timestep):
            return self.model(latents, text, timestep, guidance=guidance, return_dict=False)[0]

    inputs = [latents, torch.randn(1, text_tokens, 2304), torch.tensor([0.45]), torch.tensor([0.7])]
    return theirs.compiled(Step().eval(), inputs, dtype), theirs.compiled(*theirs.channels_last(decoder, [latents], dtype), dtype)
